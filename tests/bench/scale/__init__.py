"""Check the arithmetic of docs/scaling.md: two of each service and many portals on one machine."""
