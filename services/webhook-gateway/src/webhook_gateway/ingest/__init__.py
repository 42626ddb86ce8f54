"""From a webhook request to its acknowledgement, in this order: door, reception, admission, intake.

`quarantine` and `replay` are for requests that could not be verified. Nothing here knows the HTTP API.
"""
