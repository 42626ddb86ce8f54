"""The services behind the door, as plain Python: protobuf stays in this folder."""
