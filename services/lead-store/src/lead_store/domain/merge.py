"""The planner: lead, base and record in; what has to change on either side out.

Three-way per field against a stored base that keeps each side's own spelling. A side has changed when it differs from
its spelling of the base. One side changed: the change flows. Both changed: the field's rule decides, or the field alone
waits as a conflict. Nothing here knows about work items, leases or documents.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto

from lead_store.domain.fields import same
from lead_store.domain.rules import BlankRule, Direction, FieldRule, MergeRule, Reading


@dataclass(frozen=True, slots=True)
class Base:
    """The last value both sides agreed on, as each side spells it."""

    platform: str
    crm: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """A field both sides changed, with what a person needs to decide on it."""

    ours: str
    theirs: str
    crm: str  # theirs in the CRM's spelling
    base: str | None = None  # what both sides last agreed on, as the platform spells it
    theirs_at: datetime | None = None  # when and by whom the CRM says that it was changed, if its history was read
    theirs_source: str = ""


@dataclass(frozen=True, slots=True)
class Ours:
    """The platform's side: values, when each was changed, and values that the CRM has refused."""

    values: Mapping[str, str]
    changed_at: Mapping[str, datetime]
    refused: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Theirs:
    """The CRM's side: readings, the record's modified-at, and whether history was read."""

    readings: Mapping[str, Reading]
    modified_at: datetime
    with_history: bool = False


@dataclass(slots=True)
class Plan:
    """What a merge asks for. `base` is the whole new base, but for fields that still have to be written."""

    base: dict[str, Base]
    to_lead: dict[str, str] = field(default_factory=dict)
    to_crm: dict[str, str] = field(default_factory=dict)
    conflicts: dict[str, Conflict] = field(default_factory=dict)
    replaced: dict[str, str] = field(default_factory=dict)  # values that give way, for the history
    because: dict[str, str] = field(default_factory=dict)  # why the value that stays was chosen, in a few words
    needs_history: bool = False


class Winner(Enum):
    """Whose value a field takes."""

    AGREED = auto()
    OURS = auto()
    THEIRS = auto()
    NOBODY = auto()  # as it is, since the direction forbids the flow or the CRM has refused the value
    ASK = auto()
    UNKNOWN = auto()  # only the property's history can tell


def plan(ours: Ours, base: Mapping[str, Base], theirs: Theirs, rules: Mapping[str, FieldRule]) -> Plan:
    """Merge every mapped field that was read. A property that was not read is unknown and stays as it is (R19)."""
    result = Plan(base=dict(base))
    for name, rule in rules.items():
        reading = theirs.readings.get(name)
        if reading is None:
            continue
        value = ours.values.get(name, "")
        winner, because = decide(name, ours, base.get(name), theirs, rule)
        match winner:
            case Winner.AGREED:
                result.base[name] = Base(value, reading.crm)
            case Winner.THEIRS:
                result.to_lead[name] = reading.value
                result.base[name] = Base(reading.value, reading.crm)
                result.replaced[name], result.because[name] = value, because
            case Winner.OURS:
                result.to_crm[name] = value
                result.replaced[name], result.because[name] = reading.value, because
            case Winner.ASK:
                result.conflicts[name] = _conflict(value, base.get(name), reading)
            case Winner.UNKNOWN:
                result.needs_history = True
    return result


def decide(name: str, ours: Ours, base: Base | None, theirs: Theirs, rule: FieldRule) -> tuple[Winner, str]:
    """Whose value one field takes, and why."""
    value, reading = ours.values.get(name, ""), theirs.readings[name]
    if same(name, value, reading.value):
        return Winner.AGREED, ""
    mine = base is None or not same(name, value, base.platform)
    other = base is None or not same(name, reading.crm, base.crm)
    if not mine and not other:
        return Winner.NOBODY, ""  # the CRM spells our value its own way, and the base knows
    one_is_blank = not value.strip() or not reading.value.strip()
    if one_is_blank and (base is None or rule.blank is BlankRule.KEEP):
        winner, because = Winner.OURS if value.strip() else Winner.THEIRS, "the other side was blank"
    elif mine and other:
        winner, because = _contested(name, ours, theirs, rule)
    else:
        winner, because = Winner.OURS if mine else Winner.THEIRS, "only this side had changed"
    if winner is Winner.THEIRS and not rule.direction.from_crm:
        return Winner.NOBODY, ""
    if winner is Winner.OURS and (not rule.direction.to_crm or ours.refused.get(name) == value):
        return Winner.NOBODY, ""
    return winner, because


def _contested(name: str, ours: Ours, theirs: Theirs, rule: FieldRule) -> tuple[Winner, str]:
    if rule.direction is not Direction.BIDIRECTIONAL:  # one way only: a doubly changed field goes that way (R18)
        winner = Winner.OURS if rule.direction is Direction.TO_CRM else Winner.THEIRS
        return winner, f"both sides had changed, and the direction is {rule.direction.value}"
    because = f"both sides had changed, and the rule is {rule.merge.value}"
    match rule.merge:
        case MergeRule.CRM:
            return Winner.THEIRS, because
        case MergeRule.PLATFORM:
            return Winner.OURS, because
        case MergeRule.ASK:
            return Winner.ASK, because
        case MergeRule.NEWEST:
            return _newest(name, ours, theirs), because


def _conflict(value: str, base: Base | None, reading: Reading) -> Conflict:
    now = next((version for version in reading.versions[:1] if version.crm == reading.crm), None)
    return Conflict(
        value,
        reading.value,
        reading.crm,
        base.platform if base else None,
        now.changed_at if now else None,
        now.source if now else "",
    )


def _newest(name: str, ours: Ours, theirs: Theirs) -> Winner:
    """Compare change times. A field whose history the CRM does not keep counts as changed when the record was."""
    if not theirs.with_history:
        return Winner.UNKNOWN
    reading = theirs.readings[name]
    current = [version.changed_at for version in reading.versions[:1] if version.crm == reading.crm]
    crm_changed_at = current[0] if current else theirs.modified_at
    changed_at = ours.changed_at.get(name)
    return Winner.OURS if changed_at is not None and changed_at > crm_changed_at else Winner.THEIRS
