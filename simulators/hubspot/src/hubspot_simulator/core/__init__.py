"""State and rules: no HTTP, no sleeping; callers give time and randomness."""
