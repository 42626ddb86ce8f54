"""lead-store's inbox: hands deliveries over, and shows those that were kept."""

import asyncio
from collections.abc import Sequence
from datetime import UTC

import grpc
import structlog
from leadsync.inbox.v1 import inbox_service_pb2 as pb
from leadsync.inbox.v1.inbox_service_pb2_grpc import InboxServiceStub

from webhook_gateway.admission import NotKeptError
from webhook_gateway.clients.calls import Client
from webhook_gateway.clients.errors import RemoteError
from webhook_gateway.clients.mapping import filled, number, plain, set_time
from webhook_gateway.intake import Delivery, RefusedError
from webhook_gateway.model.work import DeliveryQuery, EventPage, KeptDelivery, RecordWork
from webhook_gateway.providers.base import Registry, Touch, TouchKind

_FEW = 4  # touches that cost less one by one than in columns
_KINDS = {kind: number(pb.TouchKind, kind.value) for kind in TouchKind}


class InboxClient(Client):
    """Records deliveries, as `intake.Recorder`, and reads them; providers say how events look to people.

    Every method but `record` raises RemoteError.
    """

    def __init__(self, channel: grpc.aio.Channel, registry: Registry) -> None:
        self._stub = InboxServiceStub(channel)
        self._registry = registry

    async def record(self, deliveries: Sequence[Delivery], seconds: float) -> list[bool]:
        """Keep deliveries; True for each that had been kept before. Raises NotKeptError or RefusedError."""
        request = pb.RecordDeliveriesRequest(deliveries=[_delivery(item) for item in deliveries])
        try:
            answer = await self.call(self._stub.RecordDeliveries, request, seconds)
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

    async def get_events(self, tenant: str, delivery_key: str) -> KeptDelivery:
        """Get one delivery with its events, and what became of them."""
        request = pb.GetDeliveryRequest(tenant_id=tenant, delivery_key=delivery_key)
        return self._shown((await self.call(self._stub.GetDelivery, request)).delivery)

    async def list_events(self, tenant: str, query: DeliveryQuery) -> EventPage:
        """List what came in, newest first, and what became of it."""
        request = filled(pb.ListDeliveriesRequest(tenant_id=tenant), query)
        answer = await self.call(self._stub.ListDeliveries, request)
        shown = []
        for item in answer.deliveries:
            shown.append(self._shown(item))
            await asyncio.sleep(0)  # a page may hold thousands of events; webhooks do not wait for all of them
        return EventPage(shown, answer.next_page_token or None)

    def _shown(self, item: pb.KeptDelivery) -> KeptDelivery:
        provider = self._registry.get(item.delivery.provider)
        events = list(provider.show(item.delivery.events)) if provider else []
        work = {record.record_id: plain(record, RecordWork) for record in item.records}
        for event in events:
            event.work = None if event.ignored else work.get(event.record_id or "")
        return plain(
            item,
            KeptDelivery,
            delivery_key=item.delivery.delivery_key,
            received_at=item.delivery.received_at.ToDatetime(tzinfo=UTC),
            events=events,
        )


def _delivery(item: Delivery) -> pb.Delivery:
    parsed = item.parsed
    delivery = pb.Delivery(
        delivery_key=parsed.delivery_key,
        provider=item.provider,
        account_id=parsed.account_id,
        events=parsed.events,
        event_record_ids=parsed.event_record_ids,
        headers=item.headers,
        event_count=parsed.event_count,
        ignored_count=parsed.ignored_count,
    )
    set_time(delivery.received_at, item.received_at_ms)
    if len(parsed.touches) <= _FEW:
        for touch in parsed.touches:
            _set(delivery.touches.add(), touch)
    else:
        _set_columns(delivery.touch_columns, parsed.touches)
    return delivery


def _set(message: pb.Touch, touch: Touch) -> None:
    # Set in place: half the time of building a message from keywords.
    message.object_type = touch.object_type
    message.record_id = touch.record_id
    message.kind = _KINDS[touch.kind]
    message.source = touch.source
    if touch.into_record_id:
        message.into_record_id = touch.into_record_id
    if touch.occurred_at_ms is not None:
        set_time(message.occurred_at, touch.occurred_at_ms)


def _set_columns(columns: pb.TouchColumns, touches: Sequence[Touch]) -> None:
    columns.object_types.extend([touch.object_type for touch in touches])
    columns.record_ids.extend([touch.record_id for touch in touches])
    columns.kinds.extend([_KINDS[touch.kind] for touch in touches])
    columns.occurred_at_ms.extend([touch.occurred_at_ms or 0 for touch in touches])
    columns.sources.extend([touch.source for touch in touches])
    columns.into_record_ids.extend([touch.into_record_id for touch in touches])
