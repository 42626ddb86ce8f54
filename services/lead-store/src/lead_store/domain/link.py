"""The tie between a lead and one CRM record, with base, pending write and what waits for people."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from lead_store.domain.merge import Base, Conflict
from lead_store.domain.rules import Reading


class WriteKind(StrEnum):
    """What a write does to the CRM."""

    CREATE = "create"
    UPDATE = "update"


@dataclass(frozen=True, slots=True)
class Pending:
    """A write that was handed out and whose answer has not been noted: its values, who has it, and until when."""

    write_id: str
    kind: WriteKind
    lane_id: str
    fence: int
    until: datetime  # end of the writer's lease
    values: Mapping[str, str]
    basis: datetime | None = None  # modified-at of the reading it was planned on; None for a create


@dataclass(frozen=True, slots=True)
class Refusal:
    """A value that the CRM does not take; it is not sent again until it changes (R21)."""

    value: str
    reason: str


@dataclass(frozen=True, slots=True)
class Link:
    """One link; at most one per lead and integration. `record_id` is empty until a create is settled."""

    integration_id: str
    provider: str
    record_id: str = ""
    former_record_ids: tuple[str, ...] = ()
    base: Mapping[str, Base] = field(default_factory=dict)
    mapping: str = ""  # fingerprint of the mapping that the base was made under (R19)
    pending: Pending | None = None
    seen: datetime | None = None  # newest modified-at that a reading or an answer showed (R1)
    conflicts: Mapping[str, Conflict] = field(default_factory=dict)
    refused: Mapping[str, Refusal] = field(default_factory=dict)
    detached_reason: str = ""

    @property
    def attached(self) -> bool:
        """Whether lead and record are kept the same."""
        return bool(self.record_id) and not self.detached_reason

    def base_under(self, mapping: str) -> Mapping[str, Base]:
        """The base, or none if it was made under another mapping (R19)."""
        return self.base if self.mapping == mapping else {}

    def saw(self, modified_at: datetime | None) -> datetime | None:
        """`seen`, moved on by one more sight of the record."""
        return max(filter(None, (self.seen, modified_at)), default=None)


def recover(link: Link, pending: Pending, readings: Mapping[str, Reading]) -> Link:
    """Judge a left-over pending by the record's history (R2).

    A version of ours after the reading it was planned on means that it landed: it becomes the base, in the CRM's
    spelling. Otherwise it never left. Either way nothing is pending any more. `readings` must carry history.
    """
    base = dict(link.base)
    for name, value in pending.values.items():
        reading = readings.get(name)
        landed = [
            version
            for version in (reading.versions if reading else ())
            if version.ours and (pending.basis is None or version.changed_at > pending.basis)
        ]
        if landed:
            base[name] = Base(value, landed[0].crm)
    return replace(link, base=base, pending=None)


def settle(link: Link, pending: Pending, answer: Mapping[str, Reading], modified_at: datetime | None) -> Link:
    """Note that a write landed (R7).

    What was written, not what the lead holds by now, becomes the platform's base; the CRM's base is its answer, or what
    was sent where the answer omits it.
    """
    base = dict(link.base)
    for name, value in pending.values.items():
        base[name] = Base(value, answer[name].crm if name in answer else value)
    refused = {name: refusal for name, refusal in link.refused.items() if name not in pending.values}
    return replace(link, base=base, pending=None, refused=refused, seen=link.saw(modified_at))
