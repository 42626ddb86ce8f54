"""Pure rules of the connector: no I/O, no clock, no randomness, no logging."""
