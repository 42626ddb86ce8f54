"""Why a request is not done: the one kind of error that leaves this service.

Whoever finds the fault raises it, at any depth; it is written out as `application/problem+json` (RFC 9457) unchanged.
"""

from collections.abc import Iterable, Mapping
from http import HTTPStatus

import msgspec

RETRY_SECONDS = 1  # what a caller waits after a 503 that does not say more
_MAX_DETAIL = 2000  # characters


class Fault(msgspec.Struct, frozen=True):
    """One field that was not acceptable."""

    field: str
    message: str


class Problem(Exception):  # noqa: N818  the name that RFC 9457 gives it
    """A request cannot be answered as asked. `reason` is stable, `detail` is for people."""

    def __init__(
        self,
        status: int,
        reason: str,
        detail: str,
        *,
        errors: tuple[Fault, ...] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {reason}")
        self.status = status
        self.reason = reason
        self.detail = detail
        self.errors = errors
        self.headers = dict(headers or {})
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            self.headers.setdefault("retry-after", str(RETRY_SECONDS))


class NotVerifiedError(Problem):
    """It is not certain that the CRM itself sent a webhook request. The request goes to quarantine."""

    def __init__(self, reason: str, detail: str, status: int = 401) -> None:
        super().__init__(status, reason, detail)


class NotKeptError(Problem):
    """A webhook's events are not kept, as far as this service knows. The CRM sends them again."""

    def __init__(
        self, reason: str, detail: str = "the events could not be kept; send them again", status: int = 503
    ) -> None:
        super().__init__(status, reason, detail, headers={"retry-after": str(RETRY_SECONDS)})


def invalid(*faults: Fault) -> Problem:
    """Make the problem of a request whose fields are not acceptable."""
    return Problem(400, "invalid_field", listed(faults), errors=faults)


def listed(faults: Iterable[Fault]) -> str:
    """Name fields and what is wrong with them in one text."""
    return "; ".join(f"{fault.field}: {fault.message}" for fault in faults)[:_MAX_DETAIL]
