"""The bare way in, a yardstick: the least that a way in of this design does, by the same libraries, and nothing else.

What the design's prototype had: raw ASGI, the check of a v3 signature, typed events, touches, calls that take all that
has come meanwhile, compressed events, one journaled `insert_many` per call. There is no routing, no log, no metric, no
bound on anything, no check of what comes over gRPC; a repeated request only fails.
"""
