"""InboxService."""

from typing import Any

from leadsync.inbox.v1 import inbox_service_pb2 as pb
from leadsync.inbox.v1.inbox_service_pb2_grpc import InboxServiceServicer

from lead_store.domain.delivery import Delivery, Touch, TouchKind
from lead_store.domain.errors import Invalid
from lead_store.rpc.requests import bounded, required
from lead_store.rpc.times import from_timestamp
from lead_store.usecases.inbox import Inbox

KINDS = {
    pb.TOUCH_KIND_CREATED: TouchKind.CREATED,
    pb.TOUCH_KIND_CHANGED: TouchKind.CHANGED,
    pb.TOUCH_KIND_DELETED: TouchKind.DELETED,
    pb.TOUCH_KIND_MERGED: TouchKind.MERGED,
    pb.TOUCH_KIND_RESTORED: TouchKind.RESTORED,
    pb.TOUCH_KIND_ERASED: TouchKind.ERASED,
}


class InboxService(InboxServiceServicer):
    """The way in."""

    def __init__(self, inbox: Inbox) -> None:
        self.inbox = inbox

    def RecordDeliveries(  # noqa: N802
        self,
        request: pb.RecordDeliveriesRequest,
        context: Any,  # noqa: ARG002
    ) -> pb.RecordDeliveriesResponse:
        """Keep deliveries durably."""
        duplicates = self.inbox.record([_delivery(f"deliveries[{n}]", d) for n, d in enumerate(request.deliveries)])
        return pb.RecordDeliveriesResponse(recorded=[pb.RecordedDelivery(duplicate=again) for again in duplicates])


def _delivery(path: str, message: pb.Delivery) -> Delivery:
    return Delivery(
        key=required(f"{path}.delivery_key", message.delivery_key),
        provider=required(f"{path}.provider", message.provider),
        account_id=required(f"{path}.account_id", message.account_id),
        events=message.events,
        headers=dict(message.headers),
        touches=tuple(_touch(f"{path}.touches[{n}]", touch) for n, touch in enumerate(message.touches)),
        event_count=message.event_count,
        ignored_count=message.ignored_count,
        received_at=from_timestamp(message.received_at),
    )


def _touch(path: str, message: pb.Touch) -> Touch:
    kind = KINDS.get(message.kind)
    if kind is None:
        raise Invalid(f"{path}.kind", "no such kind of touch")
    return Touch(
        object_type=required(f"{path}.object_type", message.object_type),
        record_id=required(f"{path}.record_id", message.record_id),
        kind=kind,
        occurred_at=from_timestamp(message.occurred_at) if message.HasField("occurred_at") else None,
        source=bounded(f"{path}.source", message.source, 256),
        into=bounded(f"{path}.into_record_id", message.into_record_id),
    )
