"""The gRPC edge: requests to use cases, answers and errors back. Generated types stop here."""
