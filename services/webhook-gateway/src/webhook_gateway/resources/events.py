"""Events of CRMs: the deliveries that were kept, what is in them, and what became of it."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Literal

import grpc
import msgspec
from leadsync.inbox.v1 import inbox_service_pb2 as pb
from leadsync.inbox.v1.inbox_service_pb2_grpc import InboxServiceStub
from msgspec import UNSET, Meta, Struct, UnsetType

from webhook_gateway.providers.base import CrmEvent, Registry
from webhook_gateway.resources.basics import Paging
from webhook_gateway.resources.operation import operation
from webhook_gateway.resources.reasons import PAGES, STORE, Reasons
from webhook_gateway.rpc.calls import Client
from webhook_gateway.rpc.messages import filled, plain

NO_DELIVERY: Reasons = {404: ("delivery_not_found",)}
DeliveryState = Literal["new", "routed", "ignored"]
READ_AT_ONCE = 2  # calls: a single delivery may have 10 MiB, and takes several times that while it is shown
Time = Annotated[datetime, Meta(tz=True)]


class DeliveryQuery(Paging):
    """Which deliveries are asked for: those of an integration, touching a record or a lead's records, received when."""

    integration_id: str = ""
    record_id: str = ""
    lead_id: str = ""
    state: DeliveryState | UnsetType = UNSET
    received_after: Time | UnsetType = UNSET
    received_before: Time | UnsetType = UNSET


class RecordWork(Struct, rename="camel"):
    """Where the work on an event's record stands now, and how it last ended."""

    state: str
    outcome: str | None
    reason: str | None
    decided_at: datetime | None
    lead_id: str | None


class ShownEvent(CrmEvent, rename="camel"):
    """One event of a delivery, in the CRM's words. `ignored`: it is of a kind that is not synced."""

    work: RecordWork | None = None


class KeptDelivery(Struct, rename="camel"):
    """One webhook request that was kept, its events, and what became of it."""

    delivery_key: str
    received_at: datetime | None
    state: DeliveryState
    reason: str | None
    integration_id: str
    events: list[ShownEvent]


class EventPage(Struct, rename="camel"):
    """Deliveries, newest first; each holds the events of one request."""

    events: list[KeptDelivery]
    next_page_token: str | None


class Events(Client):
    """Reads the inbox of lead-store; providers translate the events. Every operation raises ServiceProblem."""

    def __init__(self, store: grpc.aio.Channel, registry: Registry) -> None:
        self._stub = InboxServiceStub(store)
        self._registry = registry
        self._reading = asyncio.Semaphore(READ_AT_ONCE)

    @operation("GET", "/api/v1/events", PAGES, STORE)
    async def list_events(self, tenant: str, query: DeliveryQuery) -> EventPage:
        """List what was received, newest first, and what became of it.

        `new` webhooks are kept, and their work is about to become due. If more than 1,000 of an account are new, the
        newest 1,000 are listed, and the others once they are `routed`.
        """
        request = filled(pb.ListDeliveriesRequest(tenant_id=tenant), query)
        async with self._reading:
            answer = await self.call(self._stub.ListDeliveries, request)
            shown = []
            for item in answer.deliveries:
                shown.append(self._shown(item))
                await asyncio.sleep(0)  # a page may hold thousands of events; webhooks must not wait for all of them
            return EventPage(shown, answer.next_page_token or None)

    @operation("GET", "/api/v1/events/{delivery_key}", NO_DELIVERY, STORE)
    async def get_events(self, tenant: str, delivery_key: str) -> KeptDelivery:
        """Get one delivery with its events, and what became of them."""
        request = pb.GetDeliveryRequest(tenant_id=tenant, delivery_key=delivery_key)
        async with self._reading:
            return self._shown((await self.call(self._stub.GetDelivery, request)).delivery)

    def _shown(self, item: pb.KeptDelivery) -> KeptDelivery:
        provider = self._registry.get(item.delivery.provider)
        work = {record.record_id: plain(record, RecordWork) for record in item.records}
        events = [
            ShownEvent(**msgspec.structs.asdict(event), work=None if event.ignored else work.get(event.record_id or ""))
            for event in (provider.show(item.delivery.events) if provider else ())
        ]
        return plain(
            item,
            KeptDelivery,
            delivery_key=item.delivery.delivery_key,
            received_at=item.delivery.received_at.ToDatetime(tzinfo=UTC),
            events=events,
        )
