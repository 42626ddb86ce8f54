"""What the command line knows of HubSpot's formats: events for trying webhooks out, and a project's webhook file."""
