"""The HTTP edge: HubSpot's endpoints and the control API."""
