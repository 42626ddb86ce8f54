"""State and rules: no HTTP, no sleeping; the time and the randomness are handed in."""
