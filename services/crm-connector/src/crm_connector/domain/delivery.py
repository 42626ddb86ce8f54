"""Events of a stream on their way into the inbox: what lead-store keeps of them. Pure."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum


class TouchKind(Enum):
    """What an event says happened to a record."""

    CREATED = "created"
    CHANGED = "changed"
    DELETED = "deleted"
    MERGED = "merged"
    RESTORED = "restored"
    ERASED = "erased"


@dataclass(frozen=True, slots=True)
class Touch:
    """A record that an event asks to look at. `source` says who did it, in the CRM's words."""

    object_type: str
    record_id: str
    kind: TouchKind
    occurred_at: datetime | None = None
    source: str = ""
    into_record_id: str = ""


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """One event as JSON text, for people, and the records that it asks to look at; none if its kind is not synced."""

    text: str
    touches: tuple[Touch, ...] = ()


@dataclass(frozen=True, slots=True)
class Delivery:
    """A batch of events of one account, kept as a whole. The same part of a stream always has the same key."""

    key: str
    provider: str
    account_id: str
    events: tuple[StreamEvent, ...]
    received_at: datetime

    def halves(self) -> tuple["Delivery", "Delivery"]:
        """Cut a delivery of two or more events into two, whose keys follow from its own."""
        half = len(self.events) // 2
        first, second = (hashlib.sha256(f"{self.key}\n{part}".encode()).hexdigest() for part in (1, 2))
        return replace(self, key=first, events=self.events[:half]), replace(self, key=second, events=self.events[half:])


def key_of(provider: str, account_id: str, topic: str, positions: Sequence[str]) -> str:
    """Make the key of what was read between these positions of a topic."""
    return hashlib.sha256("\n".join((provider, account_id, topic, *positions)).encode()).hexdigest()
