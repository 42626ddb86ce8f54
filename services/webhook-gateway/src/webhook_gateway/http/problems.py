"""Errors over HTTP: `application/problem+json` (RFC 9457) with a stable `reason`."""

from collections.abc import Mapping
from http import HTTPStatus

import msgspec
from starlette.responses import Response

from webhook_gateway.clients.errors import RemoteError
from webhook_gateway.clients.names import outer_path
from webhook_gateway.http.statuses import http_status

RETRY_SECONDS = 1  # what to wait after a 503 that does not say more


class Fault(msgspec.Struct, frozen=True):
    """One field that was not acceptable."""

    field: str
    message: str


class ProblemBody(msgspec.Struct, omit_defaults=True):
    """What went wrong (RFC 9457). `reason` is stable, `detail` is for people, `errors` names fields at fault."""

    type: str
    title: str
    status: int
    detail: str
    reason: str
    errors: tuple[Fault, ...] = ()


class Problem(Exception):  # noqa: N818  the name that RFC 9457 gives it
    """A request cannot be answered as asked; raised anywhere below the middleware that writes it out."""

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

    def body(self) -> bytes:
        """Render as problem+json; `errors` only where fields are at fault."""
        return msgspec.json.encode(
            ProblemBody(
                type=f"urn:leadsync:problem:{self.reason}",
                title=HTTPStatus(self.status).phrase,
                status=self.status,
                detail=self.detail,
                reason=self.reason,
                errors=self.errors,
            )
        )

    def response(self) -> Response:
        """Make the response."""
        return Response(self.body(), self.status, self.headers, "application/problem+json")


def invalid(*faults: Fault) -> Problem:
    """Make the problem of a request whose fields are not acceptable."""
    return Problem(400, "invalid_field", "; ".join(f"{f.field}: {f.message}" for f in faults)[:2000], errors=faults)


def from_remote(error: RemoteError) -> Problem:
    """Translate what a service answered: its reason stays, its field paths get the outer spelling."""
    headers = {}
    if error.retry_after_seconds is not None:
        headers["retry-after"] = str(max(1, round(error.retry_after_seconds)))
    faults = tuple(Fault(outer_path(item.field), item.message) for item in error.violations)
    return Problem(http_status(error.code), error.reason, error.message, errors=faults, headers=headers)
