"""The planner: given a lead, its record and the values that both last agreed on, it says what has to change, and where.

This is a three-way merge, field by field. The third value is the *base*: the last value on which both sides agreed. It
is stored twice, as each side spells it. A side has changed if its value differs from its own spelling of the base.

    neither side changed              nothing happens
    one side changed                  its value goes to the other side
    both changed to the same value    that value is the new base
    both changed to different values  the field's rule decides whose value stays, or the field waits for a person

Values are compared by the type of their field, so two spellings of one value are equal. Each field is decided alone, so
a field that waits does not delay the others. This file knows nothing of work items, leases and documents. The rules of
the protocol (R2, R18, ...) are explained in docs/guarantees.md.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum, auto

from lead_store.domain.rules import BlankRule, Direction, FieldRule, MergeRule, Reading, Version
from lead_store.domain.values import FieldType, same


@dataclass(frozen=True, slots=True)
class Base:
    """The last value that both sides agreed on, as each side spells it."""

    platform: str
    crm: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """A field that waits for a person: the values to choose from, and what is known about them."""

    ours: str
    theirs: str
    crm: str  # `theirs` in the CRM's spelling
    base: str | None = None  # the platform's spelling of the base; None if there is no base
    theirs_at: datetime | None = None  # when `theirs` was set and by whom, if the CRM's history was read
    theirs_source: str = ""
    unproven: bool = False  # it is unknown whether a write of ours landed, so no rule may decide (R2)


@dataclass(frozen=True, slots=True)
class Ours:
    """The platform's side: the lead's values, when each was set at its source, and values that the CRM has refused."""

    values: Mapping[str, str]
    set_at: Mapping[str, datetime]
    refused: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Theirs:
    """The CRM's side: the readings of the record and its modified-at.

    `with_history` = the history of its properties was read, or the CRM keeps none. `also` has further values of a
    field that are the record's too, such as the other e-mail addresses of a contact.
    """

    readings: Mapping[str, Reading]
    modified_at: datetime
    with_history: bool = False
    also: Mapping[str, Collection[str]] = field(default_factory=dict)

    def has_also(self, name: str, kind: FieldType, value: str) -> bool:
        """Whether the value of a field is among the record's further ones."""
        return any(same(kind, value, other) for other in self.also.get(name, ()))

    def set_at(self, name: str) -> datetime:
        """When the value of a field was set: by its history or, if that does not show it, the record's modified-at."""
        version = _shown_version(self.readings[name])
        return version.changed_at if version else self.modified_at


@dataclass(slots=True)
class Plan:
    """What has to change. `base` is the new base; fields of `to_crm` keep the old one until they are written."""

    base: dict[str, Base]
    to_lead: dict[str, str] = field(default_factory=dict)
    to_crm: dict[str, str] = field(default_factory=dict)
    conflicts: dict[str, Conflict] = field(default_factory=dict)
    replaced: dict[str, str] = field(default_factory=dict)  # for the history: the value that each change replaces
    because: dict[str, str] = field(default_factory=dict)  # for the history: why, in a few words
    needs_history: bool = False


class Winner(Enum):
    """Whose value a field takes."""

    AGREED = auto()  # both have the same value
    OURS = auto()
    THEIRS = auto()
    NOBODY = auto()  # neither: both sides keep their values
    ASK = auto()  # a person decides
    UNKNOWN = auto()  # only the property's history can show it, and that was not read


def plan(
    ours: Ours,
    base: Mapping[str, Base],
    theirs: Theirs,
    rules: Mapping[str, FieldRule],
    unproven: Collection[str] = (),
) -> Plan:
    """Merge every mapped field. A property that was not read is unknown, so its field stays as it is (R19).

    For the fields in `unproven`, it is unknown whether a write of ours landed, so their base may be an old one. If the
    sides of such a field differ, a person decides (R2).
    """
    result = Plan(base=dict(base))
    for name, rule in rules.items():
        reading = theirs.readings.get(name)
        if reading is None:
            continue
        value = ours.values.get(name, "")
        winner, because = decide(name, ours, base.get(name), theirs, rule, unproven=name in unproven)
        match winner:
            case Winner.AGREED:
                result.base[name] = Base(value, reading.crm)
            case Winner.THEIRS:
                result.to_lead[name] = reading.value
                result.base[name] = Base(reading.value, reading.crm)
                result.replaced[name], result.because[name] = value, because
            case Winner.OURS:
                result.to_crm[name] = rule.canonical(value) or ""
                result.replaced[name], result.because[name] = reading.value, because
            case Winner.ASK:
                conflict = _conflict(value, base.get(name), reading)
                result.conflicts[name] = replace(conflict, unproven=name in unproven)
            case Winner.UNKNOWN:
                result.needs_history = True
    return result


def decide(
    name: str, ours: Ours, base: Base | None, theirs: Theirs, rule: FieldRule, *, unproven: bool = False
) -> tuple[Winner, str]:
    """Return whose value one field takes, and why. Without a base, both sides count as changed.

    Without a base, our value also equals each further value of the record: nobody has changed it yet.
    A person is asked instead of the rule where our value should win but is not of its type, so that it cannot be sent.
    """
    value, reading = ours.values.get(name, ""), theirs.readings[name]
    if same(rule.kind, value, reading.value) or (base is None and theirs.has_also(name, rule.kind, value)):
        return Winner.AGREED, ""
    we_changed = base is None or not same(rule.kind, value, base.platform)
    they_changed = base is None or not same(rule.kind, reading.crm, base.crm)
    if not we_changed and not they_changed:
        return Winner.NOBODY, ""  # the values differ only because the CRM spells ours in its own way
    both_changed = unproven or (we_changed and they_changed)
    one_is_blank = not value.strip() or not reading.value.strip()
    an_edit_wins = rule.blank is BlankRule.FOLLOW and both_changed and not unproven
    if one_is_blank and (base is None or rule.blank is BlankRule.KEEP or an_edit_wins):
        winner, because = Winner.OURS if value.strip() else Winner.THEIRS, "the other side was blank"
    elif both_changed:
        winner, because = _both_changed(name, ours, theirs, rule, unproven=unproven)
    else:
        winner, because = Winner.OURS if we_changed else Winner.THEIRS, "only this side had changed"
    if winner is Winner.THEIRS and not rule.direction.from_crm:
        return Winner.NOBODY, ""
    if winner is Winner.OURS and not may_send(name, ours, rule):
        disputed = we_changed and they_changed and not one_is_blank and rule.direction is Direction.BIDIRECTIONAL
        return (Winner.ASK if disputed and rule.canonical(value) is None else Winner.NOBODY), ""
    return winner, because


def may_send(name: str, ours: Ours, rule: FieldRule) -> bool:
    """Whether our value may go to the CRM: the direction allows it, and the CRM has not refused that value before.

    The value must also have its field's type. A value that is older than the field's type may not have it.
    """
    value, refused = rule.canonical(ours.values.get(name, "")), ours.refused.get(name)
    was_refused = value is not None and refused is not None and same(rule.kind, refused, value)
    return rule.direction.to_crm and value is not None and not was_refused


def _both_changed(name: str, ours: Ours, theirs: Theirs, rule: FieldRule, *, unproven: bool) -> tuple[Winner, str]:
    """A field that flows in one direction only follows that direction (R18). Every other field follows its rule."""
    if rule.direction is not Direction.BIDIRECTIONAL:
        winner = Winner.OURS if rule.direction is Direction.TO_CRM else Winner.THEIRS
        return winner, f"both sides had changed, and the direction is {rule.direction.value}"
    because = f"both sides had changed, and the rule is {rule.merge.value}"
    match MergeRule.ASK if unproven else rule.merge:
        case MergeRule.CRM:
            return Winner.THEIRS, because
        case MergeRule.PLATFORM:
            return Winner.OURS, because
        case MergeRule.ASK:
            return Winner.ASK, because
        case MergeRule.NEWEST:
            return _newest(name, ours, theirs), because


def _newest(name: str, ours: Ours, theirs: Theirs) -> Winner:
    """The side whose value was set last, by the times at the sources. At equal times, the CRM's."""
    if not theirs.with_history:
        return Winner.UNKNOWN
    ours_at = ours.set_at.get(name)
    return Winner.OURS if ours_at is not None and ours_at > theirs.set_at(name) else Winner.THEIRS


def _conflict(value: str, base: Base | None, reading: Reading) -> Conflict:
    version = _shown_version(reading)
    return Conflict(
        value,
        reading.value,
        reading.crm,
        base.platform if base else None,
        version.changed_at if version else None,
        version.source if version else "",
    )


def _shown_version(reading: Reading) -> Version | None:
    """The newest version in the history, if it has the value that was read."""
    return next((version for version in reading.versions[:1] if version.crm == reading.crm), None)
