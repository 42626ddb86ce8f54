"""HubSpot: its place in a local suite, events to try out webhooks, a project's webhook file, the demo's scenarios."""
