"""How fast the suite is, measured on real processes beside the bare database on the same machine."""
