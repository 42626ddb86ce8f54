"""What a merge says: whose history it keeps, why a value was replaced, and what a person needs to decide."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from lead_store.domain.merge import Base, Conflict, Ours, Plan, Theirs, Winner, decide, plan
from lead_store.domain.rules import BlankRule, Direction, FieldRule, MergeRule, Reading, Version
from lead_store.domain.values import FieldType

T0 = datetime(2026, 1, 1, tzinfo=UTC)
AGREED = Base("a", "a")


def merged(ours: str, base: Base | None, theirs: Reading, rule: FieldRule, *, ours_at: datetime = T0) -> Plan:
    """Merge one field; a reading with versions is one with history."""
    read = Theirs({"email": theirs}, T0 + timedelta(seconds=5), with_history=bool(theirs.versions))
    return plan(
        Ours({"email": ours}, {"email": ours_at}),
        {"email": base} if base else {},
        read,
        {"email": replace(rule, kind=FieldType.EMAIL)},
    )


def version(value: str, seconds: int) -> Version:
    """A value that somebody set in the CRM."""
    return Version(value, value, T0 + timedelta(seconds=seconds), ours=False, source="CRM_UI:userId:7")


@pytest.mark.parametrize(
    ("ours", "base", "theirs", "rule", "because"),
    [
        ("a", AGREED, "b", FieldRule(), "only this side had changed"),
        ("b", AGREED, "a", FieldRule(), "only this side had changed"),
        ("a", AGREED, "", FieldRule(blank=BlankRule.KEEP), "the other side was blank"),
        ("b", AGREED, "", FieldRule(), "the other side was blank"),
        ("a", AGREED, "", FieldRule(), "only this side had changed"),
        ("b", AGREED, "c", FieldRule(MergeRule.CRM), "both sides had changed, and the rule is crm"),
        (
            "b",
            AGREED,
            "c",
            FieldRule(direction=Direction.TO_CRM),
            "both sides had changed, and the direction is to_crm",
        ),
    ],
)
def test_the_history_says_why_a_value_was_replaced(
    ours: str, base: Base, theirs: str, rule: FieldRule, because: str
) -> None:
    """Each value that is replaced is kept with the reason in a few words."""
    assert merged(ours, base, Reading(theirs, theirs), rule).because == {"email": because}


def test_a_field_that_stays_as_it_is_has_no_reason() -> None:
    """Agreed, unchanged, forbidden by the direction, refused by the CRM: there is nothing to say."""
    reading = Theirs({"email": Reading("a", "a")}, T0)
    spelled = Theirs({"email": Reading("A.", "A.")}, T0)
    out, back = FieldRule(direction=Direction.TO_CRM), FieldRule(direction=Direction.FROM_CRM)
    assert decide("email", Ours({"email": "a"}, {}), None, reading, FieldRule()) == (Winner.AGREED, "")
    assert decide("email", Ours({"email": "a"}, {}), Base("a", "A."), spelled, FieldRule()) == (Winner.NOBODY, "")
    assert decide("email", Ours({"email": "b"}, {}), Base("b", "b"), reading, out) == (Winner.NOBODY, "")
    assert decide("email", Ours({"email": "b"}, {}), AGREED, reading, back) == (Winner.NOBODY, "")
    refused = Ours({"email": "b"}, {}, {"email": "b"})
    assert decide("email", refused, AGREED, reading, FieldRule()) == (Winner.NOBODY, "")


def test_a_value_that_the_lead_takes_becomes_the_base_in_both_spellings() -> None:
    """The platform's side of the base is the value, the CRM's side is how the CRM spells it."""
    assert merged("a", AGREED, Reading("B (1)", "b"), FieldRule()).base == {"email": Base("b", "B (1)")}


def test_r10_another_spelling_of_the_base_is_no_change_of_ours() -> None:
    """A lead that differs from its base in e-mail case alone takes the CRM's new value without a question."""
    result = merged("A", AGREED, Reading("b", "b"), FieldRule(MergeRule.ASK))
    assert (result.to_lead, result.conflicts) == ({"email": "b"}, {})


def test_r19_a_property_that_was_not_read_does_not_hold_up_the_next_one() -> None:
    """Every field is merged on its own."""
    read = Theirs({"company": Reading("b", "b")}, T0)
    result = plan(Ours({}, {}), {}, read, {"email": FieldRule(), "company": FieldRule()})
    assert result.to_lead == {"company": "b"}


def test_a_conflict_says_when_and_by_whom_the_crm_changed() -> None:
    """As far as the history was read and its newest version is the value that was read; and what was agreed before."""
    ask, asked = FieldRule(MergeRule.ASK), Conflict("b", "c", "c", "a")
    now, old = version("c", 3), version("x", 1)
    expected = Conflict("b", "c", "c", "a", T0 + timedelta(seconds=3), "CRM_UI:userId:7")
    assert merged("b", AGREED, Reading("c", "c", (now, old)), ask).conflicts == {"email": expected}
    assert merged("b", AGREED, Reading("c", "c"), ask).conflicts == {"email": asked}
    assert merged("b", AGREED, Reading("c", "c", (old, now)), ask).conflicts == {"email": asked}
    assert merged("b", None, Reading("c", "c"), ask).conflicts == {"email": Conflict("b", "c", "c", base=None)}


def test_newest_takes_the_records_time_where_the_history_does_not_show_the_value() -> None:
    """The record was modified five seconds in: a version that is not the newest one says nothing about now."""
    reading = Reading("c", "c", (version("x", 1), version("c", 9)))
    four, six = T0 + timedelta(seconds=4), T0 + timedelta(seconds=6)
    assert merged("b", AGREED, reading, FieldRule(), ours_at=four).to_lead == {"email": "c"}
    assert merged("b", AGREED, reading, FieldRule(), ours_at=six).to_crm == {"email": "b"}


def test_newest_gives_the_crm_what_changed_at_the_same_moment() -> None:
    """Somebody has to win; both workers of a lead decide alike."""
    reading = Reading("c", "c", (version("c", 0),))
    assert merged("b", AGREED, reading, FieldRule(), ours_at=T0).to_lead == {"email": "c"}


def test_the_rule_decides_unless_a_write_of_ours_may_have_landed() -> None:
    """Only then a person has to."""
    both, ours = Theirs({"email": Reading("c", "c")}, T0), Ours({"email": "b"}, {})
    rule = FieldRule(MergeRule.CRM)
    assert decide("email", ours, AGREED, both, rule)[0] is Winner.THEIRS
    assert decide("email", ours, AGREED, both, rule, unproven=True)[0] is Winner.ASK
