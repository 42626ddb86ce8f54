"""The gRPC edge: our service; pb2 types never leave this folder."""
