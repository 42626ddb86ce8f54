"""lead-store's inbox: hands deliveries over."""

from collections.abc import Sequence

import grpc
import structlog
from google.protobuf.timestamp_pb2 import Timestamp
from leadsync.inbox.v1 import inbox_service_pb2 as pb
from leadsync.inbox.v1.inbox_service_pb2_grpc import InboxServiceStub

from webhook_gateway.clients.calls import call
from webhook_gateway.clients.errors import RemoteError
from webhook_gateway.intake import Delivery, NotKeptError, RefusedError
from webhook_gateway.providers.base import Touch, TouchKind

_KINDS = {
    TouchKind.CREATED: pb.TOUCH_KIND_CREATED,
    TouchKind.CHANGED: pb.TOUCH_KIND_CHANGED,
    TouchKind.DELETED: pb.TOUCH_KIND_DELETED,
    TouchKind.MERGED: pb.TOUCH_KIND_MERGED,
    TouchKind.RESTORED: pb.TOUCH_KIND_RESTORED,
    TouchKind.ERASED: pb.TOUCH_KIND_ERASED,
}


class InboxClient:
    """Records deliveries; what `intake.Recorder` asks for."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = InboxServiceStub(channel)

    async def record(self, deliveries: Sequence[Delivery], seconds: float) -> list[bool]:
        """Keep deliveries; True for each that had been kept before. Raises NotKeptError or RefusedError."""
        request = pb.RecordDeliveriesRequest(deliveries=[_delivery(item) for item in deliveries])
        try:
            answer = await call(self._stub.RecordDeliveries, request, service="store", seconds=seconds)
        except RemoteError as error:
            structlog.get_logger().warning(
                "deliveries not kept", code=error.code.name, reason=error.reason, deliveries=len(deliveries)
            )
            if error.code is grpc.StatusCode.INVALID_ARGUMENT:
                raise RefusedError from error
            raise NotKeptError(error.reason) from error
        if len(answer.recorded) != len(deliveries):
            raise NotKeptError("answer_mismatch")
        return [item.duplicate for item in answer.recorded]


def _delivery(item: Delivery) -> pb.Delivery:
    parsed = item.parsed
    delivery = pb.Delivery(
        delivery_key=parsed.delivery_key,
        provider=item.provider,
        account_id=parsed.account_id,
        events=parsed.events,
        headers=item.headers,
        event_count=parsed.event_count,
        ignored_count=parsed.ignored_count,
    )
    _set_time(delivery.received_at, item.received_at_ms)
    for touch in parsed.touches:
        _fill(delivery.touches.add(), touch)
    return delivery


def _fill(message: pb.Touch, touch: Touch) -> None:
    # Set in place: half the time of building each message from keywords, and a delivery may have a hundred.
    message.object_type = touch.object_type
    message.record_id = touch.record_id
    message.kind = _KINDS[touch.kind]
    message.source = touch.source
    message.into_record_id = touch.into_record_id
    if touch.occurred_at_ms is not None:
        _set_time(message.occurred_at, touch.occurred_at_ms)


def _set_time(message: Timestamp, at_ms: int) -> None:
    message.seconds, millis = divmod(at_ms, 1000)
    message.nanos = millis * 1_000_000
    message.SetInParent()  # so that 1970 itself is a time, not an absent one
