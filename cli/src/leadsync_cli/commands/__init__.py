"""One module per group of commands; each only reads options, calls the gateway, and prints."""
