"""The HTTP edge: routes, who may use them, and errors as problems."""
