"""Our client of lead-store; its pb2 types never leave this folder, but for those that both contracts share."""
