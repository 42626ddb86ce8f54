"""What a failed call means: gRPC status and google.rpc details in, a problem out."""

import grpc
from google.rpc import error_details_pb2  # type: ignore[import-untyped, unused-ignore]
from grpc_status import rpc_status

from webhook_gateway.problem import Fault, Problem, listed
from webhook_gateway.rpc.names import http_path, http_text

HTTP_STATUS = {
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.FAILED_PRECONDITION: 400,
    grpc.StatusCode.OUT_OF_RANGE: 400,
    grpc.StatusCode.UNAUTHENTICATED: 500,  # between services, so the caller cannot do anything about it
    grpc.StatusCode.PERMISSION_DENIED: 500,  # as above: our own certificate is not what it should be
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.ABORTED: 409,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.UNIMPLEMENTED: 501,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DEADLINE_EXCEEDED: 503,
    grpc.StatusCode.CANCELLED: 503,
}
# What a service did not say itself; `{}` is the service's name.
_DEFAULTS = {
    grpc.StatusCode.UNAVAILABLE: ("{}_unavailable", "the service cannot be reached; try again"),
    grpc.StatusCode.DEADLINE_EXCEEDED: ("deadline_exceeded", "the service did not answer in time; try again"),
    grpc.StatusCode.CANCELLED: ("{}_unavailable", "the service is stopping; try again"),
    grpc.StatusCode.UNIMPLEMENTED: ("not_implemented", "the service does not offer this"),
}
# The texts of these were written for the caller; all others may hold something internal.
_FOR_CALLERS = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.ALREADY_EXISTS,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
    }
)


class ServiceProblem(Problem):
    """A service answered with an error, or not at all. A code that is not in the table is our own fault: 500."""

    def __init__(
        self,
        code: grpc.StatusCode,
        reason: str,
        detail: str,
        errors: tuple[Fault, ...] = (),
        retry_after_seconds: float | None = None,
    ) -> None:
        known = retry_after_seconds is not None
        headers = {"retry-after": str(max(1, round(retry_after_seconds or 0)))} if known else {}
        super().__init__(HTTP_STATUS.get(code, 500), reason, detail, errors=errors, headers=headers)
        self.code = code


def from_rpc_error(error: grpc.aio.AioRpcError, service: str) -> ServiceProblem:
    """Translate a failed call to `service` (`store` or `connector`); field paths get the spelling of the HTTP API."""
    code = error.code()
    info = error_details_pb2.ErrorInfo()
    bad = error_details_pb2.BadRequest()
    retry = error_details_pb2.RetryInfo()
    status = rpc_status.from_call(error)  # type: ignore[arg-type]  # it has all that is used of a call
    for detail in status.details if status else ():
        for message in (info, bad, retry):
            detail.Unpack(message)
    reason, text = _DEFAULTS.get(code, ("internal", "something went wrong inside"))
    faults = tuple(Fault(http_path(item.field), http_text(item.description)) for item in bad.field_violations)
    if code in _FOR_CALLERS or info.reason:
        text = http_text(error.details() or text)
    if faults and text == faults[0].message:  # it does not say which field it is about
        text = listed(faults)
    return ServiceProblem(
        code,
        info.reason.lower() or reason.format(service),
        text,
        faults,
        retry.retry_delay.seconds + retry.retry_delay.nanos / 1e9 if retry.HasField("retry_delay") else None,
    )
