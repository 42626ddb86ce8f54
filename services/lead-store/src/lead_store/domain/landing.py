"""What became of our writes, seen by a later reading: whether one without an answer landed, and what one replaced.

What a reading can show depends on what the CRM can do: a stamp in the record, versions of its properties, or neither.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from lead_store.domain.link import LastWrite, Link, Overwritten, Pending, WriteKind
from lead_store.domain.merge import Base
from lead_store.domain.observation import Present
from lead_store.domain.rules import Reading, Target, Version
from lead_store.domain.values import same

CLOCKS_APART = timedelta(seconds=60)  # how far the CRM's clock may be behind the database's


def needs_history(link: Link, present: Present, target: Target) -> bool:
    """Whether only versions can show what became of our writes, and they were not asked for yet (R2, R3).

    A stamp shows that a write landed, but not what it replaced.
    """
    can, pending = target.capabilities, link.pending
    if present.with_history or not can.history:
        return False
    if pending is None or link.last_write is not None:
        return link.last_write is not None
    has_landed = present.landed_write_id == pending.write_id
    may_have_replaced = pending.basis is not None and not can.guarded_writes
    return not can.write_stamp or (has_landed and may_have_replaced)


def judge_pending(
    link: Link, pending: Pending, present: Present, target: Target, *, marked: bool
) -> tuple[Link, frozenset[str]]:
    """The link once a reading has shown what became of a write without an answer (R2); and fields it cannot show.

    A value that landed becomes the base, in the CRM's spelling. One that was never sent changes nothing. For the fields
    in the answer neither can be shown, so a person has to decide. `marked` = the record carries the mark of this lead.
    """
    base, landed, unknown = dict(link.base), list[str](), set[str]()
    for name, value in pending.values.items():
        match _has_landed(name, link, pending, present, target, marked=marked):
            case True:
                landed.append(name)
                base[name] = Base(value, _spelling(name, link, pending, present, target))
            case None:
                unknown.add(name)
    last_write = (_last_write(pending, tuple(landed), target) if landed else None) or link.last_write
    return replace(link, base=base, pending=None, last_write=last_write), frozenset(unknown)


def _has_landed(
    name: str, link: Link, pending: Pending, present: Present, target: Target, *, marked: bool
) -> bool | None:
    """Whether one value of a write landed; None = nothing shows it."""
    if target.capabilities.write_stamp:
        return present.landed_write_id == pending.write_id
    if name in present.history_of:
        return _own_version(present.readings.get(name), _landed_after(link, pending)) is not None
    if pending.kind is WriteKind.CREATE:  # a create sets the mark
        return marked and link.record_id not in link.former_record_ids
    if present.modified_at == pending.basis:
        return False
    return True if _shows(name, pending, present, target) else None


def _spelling(name: str, link: Link, pending: Pending, present: Present, target: Target) -> str:
    """How the CRM spells a value that landed: by our version, by a reading that still shows it, else as it was sent."""
    reading = present.readings.get(name)
    own = _own_version(reading, _landed_after(link, pending))
    if own is not None:
        return own.crm
    return reading.crm if reading and _shows(name, pending, present, target) else pending.values[name]


def _shows(name: str, pending: Pending, present: Present, target: Target) -> bool:
    """Whether the record holds the value of a write."""
    reading = present.readings.get(name)
    return reading is not None and same(target.kind_of(name), reading.value, pending.values[name])


def look_for_overwritten(link: Link, readings: Mapping[str, Reading], target: Target) -> Link:
    """Look for values that our last write replaced unseen (R3), as far as versions were read.

    Such a value was set by another author, after the reading that the write was planned on and before the write itself.
    Another spelling of what that reading showed, or of what we wrote, is no loss: no person is asked (R10).
    """
    last_write = link.last_write
    if last_write is None:
        return link
    found = dict(link.overwritten)
    for name in last_write.fields:
        ours, kind = _own_version(readings.get(name), last_write.basis), target.kind_of(name)
        if ours is None:
            continue
        versions = readings[name].versions
        between = [v for v in versions if not v.ours and last_write.basis < v.changed_at < ours.changed_at]
        read = next((v for v in versions if v.changed_at <= last_write.basis), None)
        respelt = read is not None and all(same(kind, version.value, read.value) for version in between)
        if between and not respelt and not same(kind, between[0].value, ours.value):
            found[name] = Overwritten(between[0].value, between[0].changed_at, between[0].source)
    return replace(link, last_write=None, overwritten=found)


def settle(
    link: Link, pending: Pending, answer: Mapping[str, Reading], modified_at: datetime | None, target: Target
) -> Link:
    """Note that a write landed (R7).

    The platform's base is what was written, not what the lead holds by now. The CRM's base is what it answered, or what
    was sent where the answer omits it.
    """
    base = dict(link.base)
    for name, value in pending.values.items():
        base[name] = Base(value, answer[name].crm if name in answer else value)
    refused = {name: refusal for name, refusal in link.refused.items() if name not in pending.values}
    last_write = _last_write(pending, tuple(pending.values), target)
    return replace(link, base=base, pending=None, last_write=last_write, refused=refused, seen=link.saw(modified_at))


def ignored_fields(pending: Pending, answer: Mapping[str, Reading], target: Target) -> tuple[str, ...]:
    """The fields of a write for which the CRM answers with the value from before it: it has kept that one (R21)."""

    def is_ignored(name: str, value: str) -> bool:
        before = "" if pending.kind is WriteKind.CREATE else pending.replaces.get(name)
        if name not in answer or before is None:
            return False
        kind, after = target.kind_of(name), answer[name].value
        return same(kind, after, before) and not same(kind, after, value)

    return tuple(sorted(name for name, value in pending.values.items() if is_ignored(name, value)))


def _last_write(pending: Pending, fields: tuple[str, ...], target: Target) -> LastWrite | None:
    """A write that may have replaced something unseen. A create and a guarded write cannot."""
    if pending.basis is None or target.capabilities.guarded_writes or not target.capabilities.history:
        return None
    return LastWrite(pending.basis, fields)


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
