"""What the connector does, on top of the ports."""
