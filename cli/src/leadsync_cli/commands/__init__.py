"""One module per group of commands; each only reads options, asks the gateway, and prints."""
