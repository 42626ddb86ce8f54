"""Refuses calls that bring something new while the disk is nearly full. Calls that end what has begun still pass."""

from __future__ import annotations  # the stubs of grpc have generic types that do not exist at run time

from collections.abc import Callable
from typing import Any

import grpc

from lead_store.domain.errors import Unavailable
from lead_store.mongo.free_space import FreeSpace

BRING_NEW = frozenset(
    {
        "/leadsync.inbox.v1.InboxService/RecordDeliveries",
        "/leadsync.inbox.v1.InboxService/QuarantineRequests",
        "/leadsync.lead.v1.LeadService/CreateLead",
        "/leadsync.sync.v1.WorkService/LeaseWork",
        "/leadsync.sync.v1.WorkService/RequestSync",
    }
)


class RoomInterceptor(grpc.ServerInterceptor):
    """Answers such calls with UNAVAILABLE and the reason `disk_full`. Goes inside of ErrorInterceptor."""

    def __init__(self, space: FreeSpace) -> None:
        self._space = space

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], grpc.RpcMethodHandler[Any, Any] | None],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """Wrap the handlers of these calls; all of them have one answer."""
        handler = continuation(handler_call_details)
        if handler is None or handler.unary_unary is None or handler_call_details.method not in BRING_NEW:
            return handler
        call = handler.unary_unary

        def answer(request: Any, context: grpc.ServicerContext) -> Any:
            leaving = getattr(request, "leaving", False)  # a LeaseWork that only gives back
            if self._space.low and not leaving:
                raise Unavailable("disk_full", "the disk of the database is nearly full: nothing new is taken")
            return call(request, context)

        return grpc.unary_unary_rpc_method_handler(answer, handler.request_deserializer, handler.response_serializer)
