"""A long run of the real suite under faults, and an audit of what is left."""
