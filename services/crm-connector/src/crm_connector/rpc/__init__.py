"""The gRPC edge: our service and our client of lead-store; pb2 types never leave this folder."""
