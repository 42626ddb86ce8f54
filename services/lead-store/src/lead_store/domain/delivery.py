"""A webhook request, kept whole, and which work items it makes due."""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from msgspec import Struct

from lead_store.domain.rules import Account, Target
from lead_store.domain.work_item import WorkItemTouch


class TouchKind(StrEnum):
    """What an event says happened to a record."""

    CREATED = "created"
    CHANGED = "changed"
    DELETED = "deleted"
    MERGED = "merged"
    RESTORED = "restored"
    ERASED = "erased"


class Touch(Struct, frozen=True, array_like=True, gc=False):
    """One record that an event asks to look at. It is quick to make and to store: a delivery may have hundreds."""

    object_type: str
    record_id: str
    kind: TouchKind
    occurred_at_ms: int | None = None  # milliseconds since 1970, by the CRM's clock
    source: str = ""
    into: str = ""  # id of the surviving record of a merge


class Delivery(NamedTuple):
    """One webhook request of one account. `events` are as received; only the gateway reads them."""

    key: str
    provider: str
    account_id: str
    events: bytes
    headers: Mapping[str, str]
    touches: tuple[Touch, ...]
    event_count: int
    ignored_count: int
    received_at: datetime
    event_record_ids: tuple[str, ...] = ()  # for each event the record it is about; empty = unknown

    @property
    def account(self) -> Account:
        """The account that it is of."""
        return Account(self.provider, self.account_id)

    @property
    def record_ids(self) -> set[str]:
        """All records that it is about, whether it touches them or not."""
        return {touch.record_id for touch in self.touches} | set(self.event_record_ids) - {""}

    def without(self, erased: Collection[str]) -> "Delivery":
        """The delivery without its events about erased records (R17); itself if it has none."""
        if not erased or (self.event_record_ids and not set(self.event_record_ids).intersection(erased)):
            return self
        kept = tuple(record for record in self.event_record_ids if record not in erased)
        return self._replace(events=without_records(self.events, self.event_record_ids, erased), event_record_ids=kept)


@dataclass(frozen=True, slots=True)
class KeptDelivery:
    """A delivery as people look at it: with what became of it."""

    delivery: Delivery
    state: str  # `new`, `routed`, `ignored` or `unroutable`
    reason: str
    integration_id: str


@dataclass(frozen=True, slots=True)
class DeliveryQuery:
    """Which of a tenant's deliveries to list. `record_ids` None = whatever they touch."""

    tenant_id: str
    integration_id: str = ""
    record_ids: tuple[str, ...] | None = None
    state: str = ""
    received_after: datetime | None = None
    received_before: datetime | None = None


def without_records(events: bytes, event_record_ids: tuple[str, ...], erased: Collection[str]) -> bytes:
    """The events without those about erased records (R17). If it is unknown which are about whom, none is kept."""
    if not event_record_ids:
        return b"[]"
    try:
        read = json.loads(events)
    except (ValueError, RecursionError):  # such as a number of thousands of digits
        return b"[]"
    kept = [event for event, record in zip(read, event_record_ids, strict=False) if record not in erased]
    return json.dumps(kept, separators=(",", ":")).encode()  # half an emoji has no UTF-8


def work_items_touched(delivery: Delivery, target: Target) -> list[WorkItemTouch]:
    """The work items that a delivery makes due. Repeating it only makes a work item look once more."""
    return [
        WorkItemTouch(
            target.tenant_id,
            target.integration_id,
            record_id=touch.record_id,
            created=touch.kind is TouchKind.CREATED,
            deleted=touch.kind in {TouchKind.DELETED, TouchKind.ERASED},
            erased=touch.kind is TouchKind.ERASED,
            event_source=touch.source,
        )
        for touch in delivery.touches
        if touch.record_id
    ]


def merged_into(touches: Iterable[Touch], records: Collection[str]) -> set[str]:
    """Other records that were merged into these, as far as touches say."""
    into = {touch.record_id: touch.into for touch in touches if touch.into}
    return {record for record, survivor in into.items() if survivor in records and record not in records}
