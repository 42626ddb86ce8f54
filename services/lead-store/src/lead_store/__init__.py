"""lead-store, the brain: owns leads, links, deliveries and lanes, and takes every decision."""
