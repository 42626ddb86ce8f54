"""How fast the suite is, measured on real processes beside a baseline on the same machine."""
