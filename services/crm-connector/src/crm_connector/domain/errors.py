"""Everything that can go wrong, sorted by what the caller does next.

Texts never hold values of a record, tokens or e-mail addresses: they end up in logs and answers.
"""

from enum import Enum

# Why nothing was sent: too little time was left.
LEASE_TOO_SHORT = "lease_too_short"


class Kind(Enum):
    """What an error means for the caller, in the words of gRPC."""

    NOT_FOUND = "NOT_FOUND"
    INVALID = "INVALID_ARGUMENT"
    STALE = "ABORTED"
    EXISTS = "ALREADY_EXISTS"
    PRECONDITION = "FAILED_PRECONDITION"
    FORBIDDEN = "PERMISSION_DENIED"
    EXHAUSTED = "RESOURCE_EXHAUSTED"
    UNAVAILABLE = "UNAVAILABLE"


class ConnectorError(Exception):
    """Root of all errors that are expected; `reason` is stable, `message` is for people.

    `field` is the path of the value that is wrong, `more` are further (path, message). `retry_after` are the seconds to
    wait before another try, as the CRM said; None if it did not.
    """

    kind = Kind.PRECONDITION
    needs_person = False

    def __init__(
        self,
        reason: str,
        message: str = "",
        *,
        field: str = "",
        more: tuple[tuple[str, str], ...] = (),
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message or reason)
        self.reason = reason
        self.message = message or reason
        self.field = field
        self.more = more
        self.retry_after = retry_after


class NotFoundError(ConnectorError):
    """The tenant has no such thing."""

    kind = Kind.NOT_FOUND


class InvalidError(ConnectorError):
    """The request cannot be right; `field` names what is wrong."""

    kind = Kind.INVALID

    def within(self, part: str) -> "InvalidError":
        """Make the same error of a request that has this in one of its parts."""
        field = f"{part}.{self.field}" if self.field else part
        more = tuple((f"{part}.{path}", message) for path, message in self.more)
        return InvalidError(self.reason, self.message, field=field, more=more)


class StaleEtagError(ConnectorError):
    """The integration has moved on since the caller read it."""

    kind = Kind.STALE

    def __init__(self) -> None:
        super().__init__("stale_etag", "The integration has changed since it was read. Read it again and repeat.")


class ExistsError(ConnectorError):
    """There is one already."""

    kind = Kind.EXISTS


class PreconditionError(ConnectorError):
    """A person has to change something first."""

    kind = Kind.PRECONDITION


class ForbiddenError(ConnectorError):
    """The caller may not do this."""

    kind = Kind.FORBIDDEN


class StoreUnavailableError(ConnectorError):
    """MongoDB or lead-store did not answer; the same call may be repeated."""

    kind = Kind.UNAVAILABLE


class StoreRefusedError(ConnectorError):
    """lead-store refused a call as such; repeating it does not help."""

    kind = Kind.UNAVAILABLE


class StoreTooLargeError(StoreRefusedError):
    """A call, or its answer, is larger than lead-store takes."""


class CrmError(ConnectorError):
    """A CRM call failed."""


class CrmUnavailableError(CrmError):
    """The request certainly did not reach the CRM, or the CRM said that it did nothing and to come back later."""

    kind = Kind.UNAVAILABLE


class CrmUncertainError(CrmError):
    """The request was sent and its answer is unknown: a write may have landed, or may still land."""

    kind = Kind.UNAVAILABLE


class RateLimitedError(CrmError):
    """Out of quota: nothing was done."""

    kind = Kind.EXHAUSTED


class LeaseTooShortError(CrmError):
    """Not sent, since its whole deadline no longer fits in the lease (R4)."""

    kind = Kind.UNAVAILABLE

    def __init__(self) -> None:
        super().__init__(LEASE_TOO_SHORT, "The rest of the lease is too short for a write.", retry_after=0.0)


class AuthFailedError(CrmError):
    """The CRM does not accept the credential."""

    needs_person = True


class MissingScopesError(CrmError):
    """The credential may not do this; `scopes` names what the CRM asks for, if it says."""

    needs_person = True

    def __init__(self, message: str = "", *, scopes: tuple[str, ...] = ()) -> None:
        text = message or f"The credential lacks scopes: {', '.join(scopes) or 'unknown'}."
        super().__init__("missing_scopes", text)
        self.scopes = scopes


class CrmRejectedError(CrmError):
    """The CRM refused the request as such (a 4xx); nothing was done.

    `properties` maps each property that was named to our reason; `existing_id` is the record that holds the value;
    `category` is the CRM's word for it.
    """

    def __init__(
        self,
        status: int,
        category: str,
        *,
        properties: dict[str, str] | None = None,
        existing_id: str = "",
        reason: str = "crm_refused",
    ) -> None:
        super().__init__(reason, f"The CRM refused the request: {f'{status} {category}'.strip()}.")
        self.status = status
        self.category = category
        self.properties = properties or {}
        self.existing_id = existing_id
