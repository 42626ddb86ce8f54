"""From our errors to gRPC status with `google.rpc.ErrorInfo`, in one interceptor."""

import threading
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

import grpc
import structlog
from google.protobuf import any_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from crm_connector.domain.errors import ConnectorError, StoreUnavailableError

DOMAIN = "leadsync"
# An answer whose trailers exceed 8 KiB may be dropped as a whole. Encoded there, the texts are up to three times as
# long.
_MOST_FAULT_BYTES = 2_000
_log = structlog.get_logger()


class ErrorInterceptor(grpc.ServerInterceptor):
    """Answers expected errors with their status and reason, and everything else with INTERNAL and no detail."""

    def __init__(self, ready: threading.Event, wait_seconds: float) -> None:
        """Our own calls wait for `ready` so long; health checks do not."""
        self._ready = ready
        self._wait_seconds = wait_seconds

    def intercept_service(
        self,
        continuation: "Callable[[grpc.HandlerCallDetails], grpc.RpcMethodHandler[Any, Any] | None]",
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "grpc.RpcMethodHandler[Any, Any] | None":
        """Wrap unary methods; health and reflection streams pass."""
        handler = continuation(handler_call_details)
        if handler is None or handler.unary_unary is None:
            return handler
        method, inner = handler_call_details.method, handler.unary_unary
        ours = method.startswith("/leadsync.")

        def guarded(request: Any, context: grpc.ServicerContext) -> Any:
            try:
                if ours:
                    self._wait_for_start()
                return inner(request, context)
            except ConnectorError as error:
                context.abort_with_status(rpc_status.to_status(_status(error)))
            except Exception as error:
                if type(error) is Exception:  # how `context.abort` leaves a handler
                    raise
                _log.exception("rpc_failed", reason="unexpected", method=method)
                context.abort(grpc.StatusCode.INTERNAL, "Something went wrong inside crm-connector.")

        return grpc.unary_unary_rpc_method_handler(
            guarded,
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )

    def _wait_for_start(self) -> None:
        if not self._ready.wait(self._wait_seconds):
            raise StoreUnavailableError("store_unavailable", "crm-connector is waiting for MongoDB.")


def _status(error: ConnectorError) -> status_pb2.Status:
    """Build the status: reason, and the fields that are to blame for an invalid request."""
    info = error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN)
    details = [_packed(info)]
    if error.field:
        faults = _as_many_as_fit(((error.field, error.message), *error.more))
        named = [error_details_pb2.BadRequest.FieldViolation(field=path, description=text) for path, text in faults]
        details.append(_packed(error_details_pb2.BadRequest(field_violations=named)))
    return status_pb2.Status(code=code_pb2.Code.Value(error.kind.value), message=error.message, details=details)


def _as_many_as_fit(faults: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Give the first faults, and how many more there are."""
    sizes = accumulate(len(f"{path}{text}".encode()) for path, text in faults)
    shown = max(1, sum(size <= _MOST_FAULT_BYTES for size in sizes))
    left = len(faults) - shown
    rest = [(faults[0][0].partition(".")[0], f"{left} more of its fields have faults.")] if left else []
    return [*faults[:shown], *rest]


def _packed(message: Any) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed
