"""The HTTP edge: routes, who may use them, and JSON in the names that the outside uses."""
