"""The leadsync command line: the local suite, and a client of the gateway's HTTP API."""
