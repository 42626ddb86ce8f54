"""Calls to the services behind the gateway, and translation between their messages and plain data."""
