"""What a record looked like when it was read."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from lead_store.domain.rules import Reading


@dataclass(frozen=True, slots=True)
class Present:
    """The record is there. `record_id` is the id under which the CRM answered."""

    record_id: str
    modified_at: datetime
    readings: Mapping[str, Reading]
    source_system: str = ""
    marked_lead_id: str = ""
    with_history: bool = False
    merged_record_ids: tuple[str, ...] = ()
    other_emails: tuple[str, ...] = ()  # further addresses that identify the record, besides the mapped one

    @property
    def values(self) -> dict[str, str]:
        """The lead values of the mapped fields."""
        return {name: reading.value for name, reading in self.readings.items()}

    @property
    def emails(self) -> tuple[str, ...]:
        """All addresses of the record; an empty one if none is mapped or read."""
        return self.values.get("email", ""), *self.other_emails


@dataclass(frozen=True, slots=True)
class Archived:
    """The record is in the CRM's archive."""


@dataclass(frozen=True, slots=True)
class Absent:
    """The CRM does not know the record; on a lead's work item: nothing carries its mark or its e-mail."""


@dataclass(frozen=True, slots=True)
class Merged:
    """The record was merged into another one."""

    into_record_id: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """The record could not be read; never taken for absent (R14)."""

    reason: str


State = Present | Archived | Absent | Merged | Unreadable


@dataclass(frozen=True, slots=True)
class Observation:
    """One reading, under one lease."""

    work_item_id: str
    fence: int
    state: State
    read_before_lease: bool = False
