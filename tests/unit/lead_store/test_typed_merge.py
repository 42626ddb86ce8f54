"""Values have types: how they are compared, sent, and left alone when they cannot be read."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from lead_store.domain.lead_fields import TenantFields, declare
from lead_store.domain.merge import Base, Ours, Plan, Theirs, plan
from lead_store.domain.observation import Observation, Present, Unreadable, UnreadableValue
from lead_store.domain.rules import BlankRule, Direction, FieldRule, MergeRule, Reading, Target, Version
from lead_store.domain.values import FieldType

AT = datetime(2026, 1, 1, tzinfo=UTC)
REVENUE, HEAT = "custom_fields.revenue", "custom_fields.heat"
FIELDS = (
    TenantFields()
    .with_field(declare(REVENUE, "", FieldType.NUMBER))
    .with_field(declare(HEAT, "", FieldType.CHOICE, ("hot", "cold")))
)


def merged(kind: FieldType, ours: str, base: str | None, theirs: str, refused: str | None = None) -> Plan:
    """Merge one field of a type."""
    return plan(
        Ours({"f": ours}, {"f": AT}, {} if refused is None else {"f": refused}),
        {} if base is None else {"f": Base(base, base)},
        Theirs({"f": Reading(theirs, theirs)}, AT, with_history=True),
        {"f": FieldRule(MergeRule.ASK, kind=kind)},
    )


@pytest.mark.parametrize(
    ("kind", "ours", "theirs"),
    [
        (FieldType.NUMBER, "12.5", "12.50"),
        (FieldType.DATE, "2000-02-29", "951782400000"),
        (FieldType.MULTI_CHOICE, "a;b", "b;a"),
        (FieldType.BOOLEAN, "true", "TRUE"),
        (FieldType.EMAIL, "ann@x.org", "Ann@X.org"),
        (FieldType.PHONE, "+44 20 7946 0958", "0044 (20) 7946-0958"),
    ],
)
def test_r10_spellings_of_one_value_agree(kind: FieldType, ours: str, theirs: str) -> None:
    """As text they differ, as values they do not: with or without a base nothing flows and nobody is asked."""
    for base in (None, "1"):
        result = merged(kind, ours, base, theirs)
        assert (result.to_lead, result.to_crm, result.conflicts) == ({}, {}, {})
        assert result.base == {"f": Base(ours, theirs)}
    assert merged(FieldType.TEXT, ours, None, theirs).conflicts


def test_r10_another_spelling_of_the_base_is_no_change() -> None:
    """Only the other side has changed."""
    assert merged(FieldType.NUMBER, "1.0", "1", "2").to_lead == {"f": "2"}
    assert merged(FieldType.NUMBER, "2", "1", "1.0").to_crm == {"f": "2"}


def test_a_value_goes_to_the_crm_in_canonical_form() -> None:
    """A lead may still hold another spelling, from before its field was declared."""
    assert merged(FieldType.NUMBER, "1.50", "1", "1").to_crm == {"f": "1.5"}
    assert merged(FieldType.TEXT, "1.50", "1", "1").to_crm == {"f": "1.50"}


def test_a_value_of_ours_that_is_not_of_its_type_is_left_alone() -> None:
    """It is not sent, and a readable value that the CRM's people set takes its place."""
    assert merged(FieldType.NUMBER, "a lot", "1", "1").to_crm == {}
    assert merged(FieldType.NUMBER, "a lot", None, "").to_crm == {}
    assert merged(FieldType.NUMBER, "a lot", "a lot", "2").to_lead == {"f": "2"}


def test_r21_another_spelling_of_a_refused_value_is_not_sent_again() -> None:
    """It is the same value."""
    assert merged(FieldType.NUMBER, "1.50", "1", "1", refused="1.5").to_crm == {}
    assert merged(FieldType.NUMBER, "1.6", "1", "1", refused="1.5").to_crm == {"f": "1.6"}
    assert merged(FieldType.PHONE, "(2)", "1", "1", refused="2").to_crm == {}
    assert merged(FieldType.PHONE, "(2)", "1", "1", refused="3").to_crm == {"f": "(2)"}


def test_a_blank_is_a_value_of_every_type() -> None:
    """A field that the platform's people cleared is cleared in the CRM where the rule says so."""
    clear = {"f": FieldRule(MergeRule.ASK, BlankRule.CLEAR, kind=FieldType.NUMBER)}
    theirs = Theirs({"f": Reading("1", "1")}, AT, with_history=True)
    assert plan(Ours({}, {}), {"f": Base("1", "1")}, theirs, clear).to_crm == {"f": ""}
    both_blank = plan(Ours({}, {}), {}, Theirs({"f": Reading("", "")}, AT), clear)
    assert both_blank.base == {"f": Base("", "")}


def record(**readings: Reading) -> Present:
    """A record with these readings, by the names of its custom fields."""
    return Present("1", AT, {f"custom_fields.{name}": reading for name, reading in readings.items()})


def test_a_value_in_the_crm_that_is_not_of_its_type_is_set_apart() -> None:
    """It counts as not read, so it is never taken for a blank; the reason is shown, with what stands in the CRM."""
    seen = record(revenue=Reading("a lot", "a lot"), heat=Reading("warm", "warm"), other=Reading("x", "x"))
    typed = seen.typed(FIELDS)
    assert typed.readings == {"custom_fields.other": Reading("x", "x")}
    assert typed.unreadable == {
        REVENUE: UnreadableValue("a lot", "not_a_number"),
        HEAT: UnreadableValue("warm", "not_an_option"),
    }


def test_a_value_in_the_crm_gets_its_canonical_form() -> None:
    """So does each version; one that cannot be read stays as it is, and the CRM's spelling always does."""
    versions = (Version("1.50", "1.50", AT, ours=False), Version("?", "?", AT, ours=False))
    typed = record(revenue=Reading("1.50", "1.50", versions), heat=Reading("", "")).typed(FIELDS)
    assert typed.readings[REVENUE] == Reading("1.50", "1.5", (replace(versions[0], value="1.5"), versions[1]))
    assert typed.readings[HEAT] == Reading("", "")
    assert not typed.unreadable


def test_only_what_was_seen_of_a_record_has_types() -> None:
    """Whatever else was observed stays as it is."""
    assert Observation("w", 1, Unreadable("no")).typed(FIELDS) == Observation("w", 1, Unreadable("no"))
    seen = Observation("w", 1, record(revenue=Reading("1.50", "1.50")), read_before_lease=True)
    assert seen.typed(FIELDS) == replace(seen, state=record(revenue=Reading("1.50", "1.5")))


def test_r19_a_type_that_was_declared_is_a_part_of_the_mapping() -> None:
    """A base that was made under another type is not used; fields that are not mapped do not matter."""
    target = Target("i", "t", "crm", "a", Direction.BIDIRECTIONAL, {REVENUE: FieldRule(), "email": FieldRule()}, "m")
    plain, typed = target.typed(TenantFields()), target.typed(FIELDS)
    assert (plain.mapping, plain.fingerprint) == (target.mapping, target.fingerprint)
    assert typed.mapping != target.mapping
    assert typed.fingerprint != target.fingerprint
    assert {name: typed.kind_of(name) for name in (REVENUE, "email", HEAT)} == {
        REVENUE: FieldType.NUMBER,
        "email": FieldType.EMAIL,
        HEAT: FieldType.TEXT,
    }
    other = TenantFields().with_field(declare(REVENUE, "", FieldType.TEXT))
    assert target.typed(other).mapping == target.mapping
    dates = TenantFields().with_field(declare(REVENUE, "", FieldType.DATE))
    assert target.typed(dates).mapping not in {typed.mapping, target.mapping}
    assert target.typed(FIELDS.without(HEAT)).mapping == typed.mapping


def test_changed_options_are_looked_at_again_under_the_same_base() -> None:
    """Other options make other values readable. What was agreed on stays agreed on; other labels change nothing."""
    target = Target("i", "t", "crm", "a", Direction.BIDIRECTIONAL, {HEAT: FieldRule()}, "m")
    more = FIELDS.with_field(declare(HEAT, "", FieldType.CHOICE, ("hot", "cold", "mild")))
    named = FIELDS.with_field(declare(HEAT, "Temperature", FieldType.CHOICE, ("hot", "cold")))
    assert target.typed(more).mapping == target.typed(FIELDS).mapping
    assert target.typed(more).fingerprint != target.typed(FIELDS).fingerprint
    assert target.typed(named).fingerprint == target.typed(FIELDS).fingerprint


def disputed(ours: str, base: str | None, theirs: str, rule: FieldRule, refused: str | None = None) -> Plan:
    """Merge a field whose value on the platform was set last."""
    return plan(
        Ours({"f": ours}, {"f": AT.replace(year=2027)}, {} if refused is None else {"f": refused}),
        {} if base is None else {"f": Base(base, base)},
        Theirs({"f": Reading(theirs, theirs)}, AT, with_history=True),
        {"f": rule},
    )


@pytest.mark.parametrize("merge", [MergeRule.NEWEST, MergeRule.PLATFORM])
def test_l1_a_value_that_should_win_but_is_not_of_its_type_waits_for_a_person(merge: MergeRule) -> None:
    """The rule would send it, which cannot be. So both sides would stay different, and nobody would see it."""
    rule = FieldRule(merge, kind=FieldType.NUMBER)
    assert set(disputed("a lot", None, "2", rule).conflicts) == {"f"}
    assert disputed("3", None, "2", rule).to_crm == {"f": "3"}


@pytest.mark.parametrize(
    ("base", "theirs", "direction", "refused"),
    [
        ("2", "2", Direction.BIDIRECTIONAL, None),  # only our side had changed
        (None, "", Direction.BIDIRECTIONAL, None),  # theirs is blank
        (None, "2", Direction.TO_CRM, None),  # their value may not flow, so that there is nothing to choose
        (None, "2", Direction.BIDIRECTIONAL, "3"),  # of its type, but refused by the CRM
    ],
)
def test_otherwise_a_value_that_cannot_be_sent_is_left_alone(
    base: str | None, theirs: str, direction: Direction, refused: str | None
) -> None:
    """Neither side is changed, and nobody is asked."""
    rule = FieldRule(direction=direction, kind=FieldType.NUMBER)
    result = disputed(refused or "a lot", base, theirs, rule, refused)
    assert (result.to_lead, result.to_crm, result.conflicts) == ({}, {}, {})
