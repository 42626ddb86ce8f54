"""The baseline of ingest: the least that an ingest of this design does, with the same libraries, and nothing else.

It does what the design's prototype did: raw ASGI, the check of a v3 signature, typed events, touches, calls that take
everything that arrived meanwhile, compressed events, one journaled `insert_many` per call. It has no routing, no log,
no metrics, no limits and no check of what comes over gRPC; a repeated request simply fails.
"""
