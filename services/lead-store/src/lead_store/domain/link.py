"""The link between a lead and one CRM record: the base, a pending write, and what waits for people."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from lead_store.domain.fields import same
from lead_store.domain.merge import Base, Conflict
from lead_store.domain.oscillation import Oscillation
from lead_store.domain.rules import Reading, Version

CLOCKS_APART = timedelta(seconds=60)  # how far the CRM's clock may be behind the database's


class WriteKind(StrEnum):
    """What a write does to the CRM."""

    CREATE = "create"
    UPDATE = "update"
    ARCHIVE = "archive"


@dataclass(frozen=True, slots=True)
class Pending:
    """A write that was handed out and whose answer has not been noted: its values, who has it, and until when."""

    write_id: str
    kind: WriteKind
    work_item_id: str
    fence: int
    until: datetime  # end of the writer's lease
    values: Mapping[str, str]
    basis: datetime | None = None  # modified-at of the reading it was planned on; None for a create
    planned_at: datetime | None = None  # by the database's clock
    inherited: bool = False  # planned for a lead that was merged into this one


@dataclass(frozen=True, slots=True)
class LastWrite:
    """Our last write, kept until a reading with history has shown whether it replaced a value unseen (R3)."""

    basis: datetime  # modified-at of the reading that it was planned on
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Overwritten:
    """A value that somebody set between our reading and our write, so that the write replaced it unseen (R3)."""

    value: str
    changed_at: datetime
    source: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """A value that the CRM refuses. It is not sent again until it changes (R21)."""

    value: str
    reason: str
    rules: str = ""  # fingerprint of the target it was refused under; under another one it is tried again


@dataclass(frozen=True, slots=True)
class Link:
    """One link; at most one per lead and integration. `record_id` is empty until a create is settled."""

    integration_id: str
    provider: str
    account_id: str = ""
    record_id: str = ""
    former_record_ids: tuple[str, ...] = ()
    base: Mapping[str, Base] = field(default_factory=dict)
    mapping: str = ""  # fingerprint of the mapping that the base was made under (R19)
    pending: Pending | None = None
    seen: datetime | None = None  # newest modified-at that a reading or an answer showed (R1)
    conflicts: Mapping[str, Conflict] = field(default_factory=dict)
    refused: Mapping[str, Refusal] = field(default_factory=dict)
    detached_reason: str = ""
    duplicate_of: str = ""  # record that this one was merged into, when another lead kept it (R15)
    last_write: LastWrite | None = None
    oscillations: Mapping[str, Oscillation] = field(default_factory=dict)  # how fields have been moving
    overwritten: Mapping[str, Overwritten] = field(default_factory=dict)  # shown to people until they have decided
    emails: tuple[str, ...] = ()  # keys of all addresses of the record, for an erasure (R17)

    @property
    def attached(self) -> bool:
        """Whether lead and record are kept the same."""
        return bool(self.record_id) and not self.detached_reason

    @property
    def was_gone(self) -> bool:
        """Whether it was detached because its record was gone: a restored record attaches it again (R13)."""
        return bool(self.record_id) and self.detached_reason in {"record_archived", "record_gone"}

    def base_under(self, mapping: str) -> Mapping[str, Base]:
        """The base, or none if it was made under another mapping (R19)."""
        return self.base if self.mapping == mapping else {}

    def saw(self, modified_at: datetime | None) -> datetime | None:
        """`seen` after one more reading or answer."""
        return max(filter(None, (self.seen, modified_at)), default=None)


def judge_pending(link: Link, pending: Pending, readings: Mapping[str, Reading]) -> Link:
    """The link once the record's history has shown what became of a write without an answer (R2).

    If there is a version of ours after the reading that the write was planned on, the write landed: it becomes the
    base, in the CRM's spelling. Otherwise it was never sent. `readings` must carry history.
    """
    base = dict(link.base)
    after = _landed_after(link, pending)
    landed = {name: ours for name in pending.values if (ours := _own_version(readings.get(name), after))}
    for name, version in landed.items():
        base[name] = Base(pending.values[name], version.crm)
    last_write = LastWrite(pending.basis, tuple(landed)) if landed and pending.basis else link.last_write
    return replace(link, base=base, pending=None, last_write=last_write)


def look_for_overwritten(link: Link, readings: Mapping[str, Reading]) -> Link:
    """Look for values that our last write replaced unseen (R3). `readings` must carry history.

    Such a value was set by another author, after the reading that the write was planned on and before the write itself.
    Another spelling of what that reading showed, or of what we wrote, is no loss: no person is asked (R10).
    """
    last_write = link.last_write
    if last_write is None:
        return link
    found = dict(link.overwritten)
    for name in last_write.fields:
        ours = _own_version(readings.get(name), last_write.basis)
        if ours is None:
            continue
        versions = readings[name].versions
        between = [v for v in versions if not v.ours and last_write.basis < v.changed_at < ours.changed_at]
        read = next((v for v in versions if v.changed_at <= last_write.basis), None)
        respelt = read is not None and all(same(name, version.value, read.value) for version in between)
        if between and not respelt and not same(name, between[0].value, ours.value):
            found[name] = Overwritten(between[0].value, between[0].changed_at, between[0].source)
    return replace(link, last_write=None, overwritten=found)


def _landed_after(link: Link, pending: Pending) -> datetime | None:
    """From when on a version of ours can be this write. A record that is older than a create was not made by it."""
    if pending.kind is WriteKind.UPDATE or pending.planned_at is None:
        return pending.basis
    if link.record_id in link.former_record_ids:
        return datetime.max.replace(tzinfo=UTC)
    return pending.planned_at - CLOCKS_APART


def _own_version(reading: Reading | None, after: datetime | None) -> Version | None:
    """Our newest version after a moment."""
    versions = reading.versions if reading else ()
    return next((v for v in versions if v.ours and (after is None or v.changed_at > after)), None)


def settle(link: Link, pending: Pending, answer: Mapping[str, Reading], modified_at: datetime | None) -> Link:
    """Note that a write landed (R7).

    The platform's base is what was written, not what the lead holds by now. The CRM's base is what it answered, or what
    was sent where the answer omits it.
    """
    base = dict(link.base)
    for name, value in pending.values.items():
        base[name] = Base(value, answer[name].crm if name in answer else value)
    refused = {name: refusal for name, refusal in link.refused.items() if name not in pending.values}
    last_write = LastWrite(pending.basis, tuple(pending.values)) if pending.basis else None
    return replace(link, base=base, pending=None, last_write=last_write, refused=refused, seen=link.saw(modified_at))
