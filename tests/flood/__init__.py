"""A flood of hostile requests on the real suite, with good webhooks beside it."""
