"""How we talk to HubSpot; its JSON never leaves this folder."""
