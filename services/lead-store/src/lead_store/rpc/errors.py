"""Which gRPC status an error has, and how its reason travels."""

from __future__ import annotations  # the stubs of grpc have generic types that do not exist at run time

from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import grpc
import structlog
from google.protobuf import any_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status
from pymongo.errors import PyMongoError

from lead_store.domain.errors import (
    AlreadyExists,
    Expired,
    Forbidden,
    Invalid,
    NotAllowed,
    NotFound,
    StaleEtag,
    StoreError,
    TooMany,
    Unavailable,
)
from lead_store.mongo.failures import described, is_away, traced
from lead_store.mongo.transaction import Contended

CODES: dict[type[StoreError], int] = {
    NotFound: code_pb2.NOT_FOUND,
    Invalid: code_pb2.INVALID_ARGUMENT,
    StaleEtag: code_pb2.ABORTED,
    AlreadyExists: code_pb2.ALREADY_EXISTS,
    NotAllowed: code_pb2.FAILED_PRECONDITION,
    Forbidden: code_pb2.PERMISSION_DENIED,
    Expired: code_pb2.OUT_OF_RANGE,
    TooMany: code_pb2.RESOURCE_EXHAUSTED,
    Unavailable: code_pb2.UNAVAILABLE,
}
OURS = "/leadsync."
log = structlog.get_logger()


class ErrorInterceptor(grpc.ServerInterceptor):
    """Turns exceptions into statuses, so that servicers need no `try`. Any other error is INTERNAL.

    The handlers of health and reflection stay as they are: a watch of the health needs no thread only if nothing is
    around its handler.
    """

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], grpc.RpcMethodHandler[Any, Any] | None],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """Wrap a handler of ours, of either kind that is used here: one answer, or a stream of answers."""
        handler = continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None or not method.startswith(OURS):
            return handler
        if handler.unary_unary is not None:
            return grpc.unary_unary_rpc_method_handler(
                _answering(handler.unary_unary, method), handler.request_deserializer, handler.response_serializer
            )
        if handler.unary_stream is not None:
            return grpc.unary_stream_rpc_method_handler(
                _streaming(handler.unary_stream, method), handler.request_deserializer, handler.response_serializer
            )
        return handler


def _answering(call: Callable[[Any, grpc.ServicerContext], Any], method: str) -> Callable[..., Any]:
    def answer(request: Any, context: grpc.ServicerContext) -> Any:
        try:
            return call(request, context)
        except Exception as error:  # noqa: BLE001 - the last frame before the wire
            _abort(context, error, method)

    return answer


def _streaming(call: Callable[[Any, grpc.ServicerContext], Iterator[Any]], method: str) -> Callable[..., Iterator[Any]]:
    def answer(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        try:
            yield from call(request, context)
        except Exception as error:  # noqa: BLE001 - the last frame before the wire
            _abort(context, error, method)

    return answer


def _abort(context: grpc.ServicerContext, error: Exception, method: str) -> NoReturn:
    if isinstance(error, Contended):
        error = Unavailable("contended", "others keep changing the same documents: try again")
    if isinstance(error, PyMongoError) and is_away(error):
        log.warning("The database is away", method=method, **described(error))
        error = Unavailable("store_unavailable", "the database does not answer: try again")
    if not isinstance(error, StoreError):
        if context.code() is not None:  # type: ignore[attr-defined]
            raise error
        log.error("Call failed", method=method, **traced(error))
        error = StoreError("internal", "an unexpected error; see the log of lead-store")
    context.abort_with_status(rpc_status.to_status(_status(error)))
    raise AssertionError("abort returned")


def _status(error: StoreError) -> status_pb2.Status:
    details = [_packed(error_details_pb2.ErrorInfo(reason=error.reason, domain="leadsync"))]
    if isinstance(error, Invalid):
        violation = error_details_pb2.BadRequest.FieldViolation(field=error.field, description=error.detail)
        details.append(_packed(error_details_pb2.BadRequest(field_violations=[violation])))
    return status_pb2.Status(code=CODES.get(type(error), code_pb2.INTERNAL), message=error.detail, details=details)


def _packed(message: error_details_pb2.ErrorInfo | error_details_pb2.BadRequest) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed
