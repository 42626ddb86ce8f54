"""lead-store: owns leads, links, deliveries and work items, and takes every decision."""
