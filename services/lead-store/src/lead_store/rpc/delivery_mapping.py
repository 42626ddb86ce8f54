"""Kept deliveries: domain to contract."""

from datetime import datetime

from leadsync.inbox.v1 import inbox_service_pb2 as pb

from lead_store.domain.delivery import Delivery
from lead_store.domain.work_item import WorkItem
from lead_store.rpc.times import from_milliseconds, to_timestamp
from lead_store.rpc.touch_mapping import KINDS
from lead_store.usecases.inbox import SeenDelivery

STATES = {
    pb.DELIVERY_STATE_UNSPECIFIED: "",
    pb.DELIVERY_STATE_NEW: "new",
    pb.DELIVERY_STATE_ROUTED: "routed",
    pb.DELIVERY_STATE_IGNORED: "ignored",
}


def kept_message(seen: SeenDelivery) -> pb.KeptDelivery:
    """A kept delivery as the contract shows it."""
    states = {name: number for number, name in STATES.items()}
    return pb.KeptDelivery(
        delivery=_delivery_message(seen.kept.delivery),
        state=states[seen.kept.state],
        reason=seen.kept.reason,
        integration_id=seen.kept.integration_id,
        records=[_record_work(work_item, seen.now) for work_item in seen.work_items],
    )


def _delivery_message(delivery: Delivery) -> pb.Delivery:
    kinds = {kind: number for number, kind in KINDS.items()}
    return pb.Delivery(
        delivery_key=delivery.key,
        provider=delivery.provider,
        account_id=delivery.account_id,
        events=delivery.events,
        headers=dict(delivery.headers),
        touches=[
            pb.Touch(
                object_type=touch.object_type,
                record_id=touch.record_id,
                kind=kinds[touch.kind],
                occurred_at=from_milliseconds(touch.occurred_at_ms),
                source=touch.source,
                into_record_id=touch.into,
            )
            for touch in delivery.touches
        ],
        received_at=to_timestamp(delivery.received_at),
        event_count=delivery.event_count,
        ignored_count=delivery.ignored_count,
    )


def _record_work(work_item: WorkItem, now: datetime) -> pb.RecordWork:
    leased = work_item.lease_until is not None and work_item.lease_until > now
    state = "leased" if leased else "failed" if work_item.failed_at else "due" if work_item.due_at else "idle"
    return pb.RecordWork(
        record_id=work_item.record_id,
        lead_id=work_item.lead_id,
        state=state,
        outcome=work_item.outcome,
        reason=work_item.reason,
        decided_at=to_timestamp(work_item.decided_at),
    )
