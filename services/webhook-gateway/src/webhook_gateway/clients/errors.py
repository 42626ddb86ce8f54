"""What a failed call means: gRPC status and google.rpc details in, one plain exception out."""

from dataclasses import dataclass
from typing import Any

import grpc
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped, unused-ignore]

_DETAILS_KEY = "grpc-status-details-bin"


@dataclass(frozen=True, slots=True)
class Violation:
    """One field that was not acceptable, in the contract's spelling."""

    field: str
    message: str


class RemoteError(Exception):
    """A service answered with an error, or not at all."""

    def __init__(
        self,
        code: grpc.StatusCode,
        reason: str,
        message: str,
        violations: tuple[Violation, ...] = (),
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(f"{code.name} {reason}")
        self.code = code
        self.reason = reason
        self.message = message
        self.violations = violations
        self.retry_after_seconds = retry_after_seconds

    @property
    def not_found(self) -> bool:
        """True if the tenant has no such thing."""
        return self.code is grpc.StatusCode.NOT_FOUND


# What a service did not say itself; `{}` is the service's name.
_DEFAULTS = {
    grpc.StatusCode.UNAVAILABLE: ("{}_unavailable", "the service cannot be reached; try again"),
    grpc.StatusCode.DEADLINE_EXCEEDED: ("deadline_exceeded", "the service did not answer in time; try again"),
    grpc.StatusCode.CANCELLED: ("{}_unavailable", "the service is stopping; try again"),
    grpc.StatusCode.UNIMPLEMENTED: ("not_implemented", "the service does not offer this"),
}
# The text of these was written for the caller; all others may hold something inner.
_SPEAKING = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.ALREADY_EXISTS,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.PERMISSION_DENIED,
    }
)


def from_rpc_error(error: grpc.aio.AioRpcError, service: str) -> RemoteError:
    """Translate a failed call to `service` (`lead_store` or `crm_connector`)."""
    code = error.code()
    info = error_details_pb2.ErrorInfo()
    bad = error_details_pb2.BadRequest()
    retry = error_details_pb2.RetryInfo()
    for detail in _details(error):
        for message in (info, bad, retry):
            detail.Unpack(message)
    reason, text = _DEFAULTS.get(code, (code.name.lower(), "something went wrong inside"))
    return RemoteError(
        code,
        info.reason.lower() or reason.format(service),
        (error.details() or text) if code in _SPEAKING or info.reason else text,
        tuple(Violation(item.field, item.description) for item in bad.field_violations),
        retry.retry_delay.seconds + retry.retry_delay.nanos / 1e9 if retry.HasField("retry_delay") else None,
    )


def _details(error: grpc.aio.AioRpcError) -> list[Any]:
    for key, value in error.trailing_metadata() or ():
        if key == _DETAILS_KEY and isinstance(value, bytes):
            return list(status_pb2.Status.FromString(value).details)
    return []
