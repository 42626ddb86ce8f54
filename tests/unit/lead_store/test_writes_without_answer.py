"""A write whose answer was lost: what a later reading shows of it by a stamp, by versions, or by neither (R2, R3)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from lead_store.domain.decision import Case, Decision, Outcome
from lead_store.domain.landing import needs_history
from lead_store.domain.lead import Lead, empty_lead
from lead_store.domain.link import Link, Overwritten, Pending, WriteKind
from lead_store.domain.merge import Base, Conflict, Ours, Plan, Theirs, plan
from lead_store.domain.observation import Observation, Present
from lead_store.domain.reconcile import reconcile
from lead_store.domain.rules import (
    BlankRule,
    Capabilities,
    Direction,
    FieldRule,
    MergeRule,
    Reading,
    Target,
    Version,
)
from lead_store.domain.work_item import WorkItem

T0 = datetime(2026, 1, 1, tzinfo=UTC)
NOW = T0 + timedelta(hours=1)
FIELD = "company"
STAMP = Capabilities(write_stamp=True)
GUARD_AND_STAMP = Capabilities(guarded_writes=True, write_stamp=True)
NOTHING_SHOWN = Capabilities(history=False)
AGREED = Base("a", "a")


def at(seconds: int) -> datetime:
    """A moment on both clocks."""
    return T0 + timedelta(seconds=seconds)


def target(can: Capabilities) -> Target:
    """An integration that keeps one field the same; the CRM can do this."""
    rules = {FIELD: FieldRule(MergeRule.NEWEST)}
    return Target("i", "t", "crm", "1", Direction.BIDIRECTIONAL, rules, "m", capabilities=can)


def left_over(kind: WriteKind = WriteKind.UPDATE) -> Link:
    """A link whose write of `b` over the agreed `a` has had no answer. It was planned on a reading of second 1."""
    basis = at(1) if kind is WriteKind.UPDATE else None
    pending = Pending("w1", kind, "i/record/1", 1, at(60), {FIELD: "b"}, basis, planned_at=at(2))
    base = {FIELD: AGREED}
    return Link("i", "crm", "1", "1", base=base, mapping="m", pending=pending, seen=at(1))


def present(value: str, *versions: Version, stamp: str = "", modified: int = 4) -> Present:
    """The record as it is read; with versions, history was asked for."""
    readings = {FIELD: Reading(value, value, versions)}
    history_of = frozenset({FIELD} if versions else ())
    return Present(
        "1", at(modified), readings, with_history=bool(versions), history_of=history_of, landed_write_id=stamp
    )


def decided(can: Capabilities, seen: Present, ours: str = "b") -> Decision:
    """What is decided once the write can be judged."""
    lead = empty_lead("lead", "t", "jazzaam", T0).with_values({FIELD: ours}, T0, "platform").with_link(left_over())
    work_item = WorkItem("i/record/1", "t", "i", "1", "lead", fence=2, claimed_at=NOW, lease_until=NOW)
    seen_now = Observation(work_item.work_item_id, 2, seen)
    return reconcile(Case(work_item, seen_now, target(can), NOW, "jazzaam", "", "w2", lead=lead))


def link_of(lead: Lead | None) -> Link:
    """The link of the integration."""
    link = lead.link("i") if lead else None
    assert link is not None
    return link


def unproven(ours: str, theirs: str, rule: FieldRule, base: Base = AGREED) -> Plan:
    """Merge a field of which nobody knows whether a write of ours landed."""
    read = Theirs({FIELD: Reading(theirs, theirs)}, T0, with_history=True)
    return plan(Ours({FIELD: ours}, {FIELD: T0}), {FIELD: base}, read, {FIELD: rule}, {FIELD})


def test_r3_a_stamp_does_not_show_what_the_write_replaced() -> None:
    """An unguarded write that landed may have replaced an edit, so history is read before anything is merged."""
    seen = present("b", stamp="w1")
    assert decided(STAMP, seen).outcome is Outcome.NEEDS_HISTORY
    mine, theirs = Version("b", "b", at(4), ours=True), Version("c", "c", at(3), ours=False, source="a person")
    decision = decided(STAMP, present("b", mine, theirs, Version("a", "a", at(1), ours=False), stamp="w1"))
    assert link_of(decision.lead).overwritten == {FIELD: Overwritten("c", at(3), "a person")}


@pytest.mark.parametrize(
    ("link", "stamp", "can"),
    [
        (left_over(), "w0", STAMP),  # it never landed
        (left_over(), "w1", GUARD_AND_STAMP),
        (left_over(WriteKind.CREATE), "w1", STAMP),
        (replace(left_over(), pending=None), "w1", STAMP),
        (left_over(), "", NOTHING_SHOWN),
    ],
)
def test_r2_history_is_not_asked_for_where_it_has_nothing_to_show(link: Link, stamp: str, can: Capabilities) -> None:
    """The stamp says whether the write landed, and there is nothing that it can have replaced unseen."""
    assert not needs_history(link, present("b", stamp=stamp), target(can))


def test_r2_a_person_decides_where_nothing_shows_whether_the_write_landed() -> None:
    """The record has changed since, and shows the old value: the write never came, or a person has undone it."""
    decision = decided(NOTHING_SHOWN, present("a"))
    assert decision.write is None
    assert link_of(decision.lead).conflicts == {FIELD: Conflict("b", "a", "a", "a", unproven=True)}
    assert link_of(decision.lead).pending is None


def test_r2_a_record_that_has_not_changed_since_was_never_written() -> None:
    """The same write is planned once more."""
    decision = decided(NOTHING_SHOWN, present("a", modified=1))
    assert decision.write is not None
    assert (decision.write.write_id, decision.write.values) == ("w2", {FIELD: "b"})


@pytest.mark.parametrize(("ours", "theirs"), [("b", "a"), ("a", "b"), ("b", "c")])
@pytest.mark.parametrize("rule", [FieldRule(merge) for merge in MergeRule])
def test_r2_no_rule_decides_on_a_field_whose_base_is_not_known(ours: str, theirs: str, rule: FieldRule) -> None:
    """The side that differs from the old base may be the one that nobody has touched since."""
    result = unproven(ours, theirs, rule)
    assert result.conflicts == {FIELD: Conflict(ours, theirs, theirs, "a", unproven=True)}
    assert (result.to_lead, result.to_crm, result.base) == ({}, {}, {FIELD: AGREED})


def test_r2_nobody_is_asked_where_there_is_nothing_to_choose() -> None:
    """Both sides agree, differ in spelling alone, one is blank, or the values flow one way only."""
    assert unproven("b", "b", FieldRule()).base == {FIELD: Base("b", "b")}
    assert unproven("a", "A Ltd", FieldRule(), Base("a", "A Ltd")) == Plan(base={FIELD: Base("a", "A Ltd")})
    assert unproven("b", "", FieldRule(blank=BlankRule.KEEP)).to_crm == {FIELD: "b"}
    assert unproven("b", "", FieldRule()).conflicts.keys() == {FIELD}  # who knows which of them is older
    assert unproven("a", "", FieldRule()).conflicts.keys() == {FIELD}
    assert unproven("b", "a", FieldRule(direction=Direction.TO_CRM)).to_crm == {FIELD: "b"}
    assert unproven("b", "a", FieldRule(direction=Direction.FROM_CRM)).to_lead == {FIELD: "a"}
