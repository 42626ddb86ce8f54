"""A webhook request, kept whole, and which lanes it makes due."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from lead_store.domain.lane import LaneTouch
from lead_store.domain.rules import Target


class TouchKind(StrEnum):
    """What an event says happened to a record."""

    CREATED = "created"
    CHANGED = "changed"
    DELETED = "deleted"
    MERGED = "merged"
    RESTORED = "restored"
    ERASED = "erased"


@dataclass(frozen=True, slots=True)
class Touch:
    """One record that an event asks to look at."""

    object_type: str
    record_id: str
    kind: TouchKind
    occurred_at: datetime | None = None
    source: str = ""
    into: str = ""  # id of the surviving record of a merge


@dataclass(frozen=True, slots=True)
class Delivery:
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


def lanes_touched(delivery: Delivery, target: Target) -> list[LaneTouch]:
    """The lanes that a delivery makes due. Repeating it only makes a lane look once more.

    An erasure is evidence of a deletion here; what else it asks for is R17's.
    """
    return [
        LaneTouch(
            target.tenant_id,
            target.integration_id,
            record_id=touch.record_id,
            created=touch.kind is TouchKind.CREATED,
            deleted=touch.kind in {TouchKind.DELETED, TouchKind.ERASED},
        )
        for touch in delivery.touches
        if touch.object_type == "contact" and touch.record_id
    ]
