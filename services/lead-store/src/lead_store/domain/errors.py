"""Errors that callers can act on.

StoreError
├── NotFound            nothing with this id in this tenant
├── Invalid             a field of the request is wrong; names it
├── StaleEtag           the document has moved on: read it again
├── AlreadyExists       somebody else has it
├── NotAllowed          the state of things forbids it
├── Forbidden           the caller may not do this
├── Expired             where to go on from is too long ago
├── TooMany             as many as may be held open are open
└── Unavailable         the database is away or too busy: try again
"""


class StoreError(Exception):
    """Base of all errors with a stable `reason`; `detail` says in plain words what to do."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class NotFound(StoreError):  # noqa: N818 - the field's word; the base says that it is an error
    """Nothing with this id in this tenant."""


class Invalid(StoreError):  # noqa: N818
    """A field of the request is wrong."""

    def __init__(self, field: str, detail: str, reason: str = "invalid_field") -> None:
        super().__init__(reason, detail)
        self.field = field


class StaleEtag(StoreError):  # noqa: N818
    """The document has moved on since the caller read it."""

    def __init__(self, detail: str = "the lead has changed since it was read: read it again and repeat") -> None:
        super().__init__("stale_etag", detail)


class AlreadyExists(StoreError):  # noqa: N818
    """Somebody else has it."""


class NotAllowed(StoreError):  # noqa: N818
    """The state of things forbids it."""


class Forbidden(StoreError):  # noqa: N818 - see NotFound
    """The caller may not do this."""


class Expired(StoreError):  # noqa: N818
    """Where the caller wants to go on from is too long ago."""


class TooMany(StoreError):  # noqa: N818
    """As many as may be held open are open."""


class Unavailable(StoreError):  # noqa: N818
    """The database is away or too busy."""
