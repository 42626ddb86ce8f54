"""What lead-store knows and decides. Pure: no I/O, no clock, no randomness. Read `merge` first, then `reconcile`."""
