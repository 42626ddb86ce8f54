"""What a failed call means: gRPC status and google.rpc details in, one plain exception out."""

from dataclasses import dataclass

import grpc
from google.rpc import error_details_pb2  # type: ignore[import-untyped, unused-ignore]
from grpc_status import rpc_status


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
    """Translate a failed call to `service` (`store` or `connector`)."""
    code = error.code()
    info = error_details_pb2.ErrorInfo()
    bad = error_details_pb2.BadRequest()
    retry = error_details_pb2.RetryInfo()
    status = rpc_status.from_call(error)  # type: ignore[arg-type]  # it has all that is used of a call
    for detail in status.details if status else ():
        for message in (info, bad, retry):
            detail.Unpack(message)
    reason, text = _DEFAULTS.get(code, ("internal", "something went wrong inside"))
    return RemoteError(
        code,
        info.reason.lower() or reason.format(service),
        (error.details() or text) if code in _SPEAKING or info.reason else text,
        tuple(Violation(item.field, item.description) for item in bad.field_violations),
        retry.retry_delay.seconds + retry.retry_delay.nanos / 1e9 if retry.HasField("retry_delay") else None,
    )
