"""What a decision rests on, by what the CRM can do: history, guarded writes, a coarse modified-at."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from lead_store.domain.decision import Case, Decision, NextStep, Outcome
from lead_store.domain.lead import Lead, empty_lead
from lead_store.domain.link import Link, Pending, WriteKind
from lead_store.domain.merge import Base
from lead_store.domain.observation import Observation, Present
from lead_store.domain.reconcile import reconcile
from lead_store.domain.rules import Capabilities, Direction, FieldRule, MergeRule, Reading, Target, Version
from lead_store.domain.settlement import Done, Duplicate, SettleCase, Stale, WriteResult, settle_write
from lead_store.domain.work_item import Notes, WorkItem

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
BARE = Capabilities(history=False)
GUARDED = replace(BARE, guarded_writes=True, unread_within=timedelta(seconds=2))
EMAIL = "ada@x.org"


def ago(seconds: float) -> datetime:
    """A moment before now."""
    return NOW - timedelta(seconds=seconds)


A_MINUTE_AGO = ago(60)


def target(can: Capabilities, rule: MergeRule = MergeRule.NEWEST) -> Target:
    """An integration whose CRM can do this."""
    rules = dict.fromkeys(("email", "phone"), FieldRule(rule))
    return Target("i", "t", "crm", "account", Direction.BIDIRECTIONAL, rules, "m", capabilities=can)


def linked(ours: str, base: str = "1", **changes: Any) -> Lead:
    """A lead with this phone, linked to record 1, on whose phone both sides had agreed at `base`."""
    agreed = {"email": Base(EMAIL, EMAIL), "phone": Base(base, base)}
    link = Link("i", "crm", "account", "1", base=agreed, mapping="m", seen=ago(100), **changes)
    lead = empty_lead("lead", "t", "jazzaam", ago(200)).with_values(
        {"email": EMAIL, "phone": base}, ago(200), "platform"
    )
    return lead.with_values({"phone": ours}, ago(50), "platform").with_link(link)


def seen(phone: str, modified: datetime = A_MINUTE_AGO, *, page: bool = False, **changes: Any) -> Observation:
    """A reading of the record."""
    readings = {"email": Reading(EMAIL, EMAIL), "phone": Reading(phone, phone)}
    return Observation("i/record/1", 1, Present("1", modified, readings, **changes), read_before_lease=page)


def decide(can: Capabilities, lead: Lead, reading: Observation, rule: MergeRule = MergeRule.NEWEST) -> Decision:
    """Decide on the record, claimed five seconds ago."""
    work_item = WorkItem(
        "i/record/1", "t", "i", "1", lead.lead_id, 1, 1, 1, "worker", NOW + timedelta(minutes=1), claimed_at=ago(5)
    )
    return reconcile(Case(work_item, reading, target(can, rule), NOW, "jazzaam", "new", "write", lead=lead))


def phone_of(decision: Decision) -> str:
    """The lead's phone after a decision."""
    assert decision.lead is not None
    return decision.lead.values["phone"]


def link_of(decision: Decision) -> Link:
    """The link after a decision."""
    link = decision.lead.link("i") if decision.lead is not None else None
    assert link is not None
    return link


@pytest.mark.parametrize(("modified", "wins"), [(ago(60), "ours"), (ago(40), "theirs")])
def test_newest_goes_by_the_record_where_there_is_no_history(modified: datetime, wins: str) -> None:
    """Nothing asks for history: the record's modified-at is when its value was set."""
    decision = decide(BARE, linked("2"), seen("3", modified))
    assert decision.outcome is (Outcome.PUSHED if wins == "ours" else Outcome.UPDATED)


def test_an_answer_without_versions_ends_the_question() -> None:
    """The CRM has history, but none of this field: it was asked for once, and the record's modified-at decides."""
    lead, reading = linked("2"), seen("3", ago(40))
    assert decide(Capabilities(), lead, reading).outcome is Outcome.NEEDS_HISTORY
    assert phone_of(decide(Capabilities(), lead, seen("3", ago(40), with_history=True))) == "3"


def test_a_lead_remembers_when_a_value_was_set_in_the_crm_and_when_it_was_taken() -> None:
    """The time of the version, else of the record; never later than now."""
    versions = (Version("3", "3", ago(45), ours=False),)
    readings = {"email": Reading(EMAIL, EMAIL), "phone": Reading("3", "3", versions)}
    present = Present("1", ago(40), readings, with_history=True, history_of=frozenset({"phone"}))
    decision = decide(Capabilities(), linked("1"), Observation("i/record/1", 1, present))
    assert decision.lead is not None
    change = decision.lead.changed["phone"]
    assert (change.at, change.source_time, change.source) == (NOW, ago(45), "crm")

    for modified, at in ((ago(40), ago(40)), (NOW + timedelta(seconds=30), NOW)):
        taken = decide(BARE, linked("1"), seen("3", modified)).lead
        assert taken is not None
        assert (taken.changed["phone"].at, taken.changed["phone"].source_time) == (NOW, at)


def test_newest_compares_the_times_of_the_sources() -> None:
    """A value that was set long ago in one CRM and taken only now is older than one that was set since in another."""
    lead = linked("1")
    lead = lead.with_values({"phone": "2"}, ago(10), "other", {"phone": ago(90)})
    assert phone_of(decide(BARE, lead, seen("3", ago(60)))) == "3"


def pending() -> Pending:
    """A write whose answer was lost, and whose lease is over."""
    basis = ago(100)
    return Pending("w", WriteKind.UPDATE, "i/record/1", 0, ago(90), {"phone": "2"}, basis, planned_at=ago(99))


@pytest.mark.parametrize("rule", [MergeRule.PLATFORM, MergeRule.CRM, MergeRule.NEWEST])
def test_r2_a_person_decides_where_nothing_shows_whether_a_write_landed(rule: MergeRule) -> None:
    """Whatever the field's rule: the other value may have been set after ours. It stays asked until it is settled."""
    decision = decide(BARE, linked("2", pending=pending()), seen("3"), rule)
    assert decision.write is None
    assert link_of(decision).conflicts["phone"].unproven
    assert decision.lead is not None
    again = decide(BARE, decision.lead, seen("3"), rule)
    assert again.outcome is Outcome.UNCHANGED
    assert link_of(replace(again, lead=again.lead or decision.lead)).conflicts["phone"].unproven
    agreed = decide(BARE, decision.lead, seen("2", ago(30)), rule)
    assert not link_of(agreed).conflicts


def test_r2_a_stamp_needs_no_history_and_no_person() -> None:
    """The guarded write landed and somebody has edited since: that edit flows. Unguarded, it asks for history (R3)."""
    lead, reading = linked("2", pending=pending()), seen("3", landed_write_id="w")
    decision = decide(Capabilities(write_stamp=True, guarded_writes=True), lead, reading, MergeRule.ASK)
    assert (decision.outcome, phone_of(decision)) == (Outcome.UPDATED, "3")
    assert decide(Capabilities(write_stamp=True), lead, reading, MergeRule.ASK).outcome is Outcome.NEEDS_HISTORY


@pytest.mark.parametrize(("modified", "writes"), [(ago(7.001), True), (ago(7), True), (ago(6.999), False)])
def test_r3_a_guarded_write_waits_while_its_guard_could_miss_a_change(modified: datetime, *, writes: bool) -> None:
    """The record was modified less than two seconds before its reading can have begun: it is read again."""
    decision = decide(GUARDED, linked("2"), seen("1", modified))
    assert (decision.write is not None) is writes
    if not writes:
        assert (decision.outcome, decision.next_step, decision.reason) == (
            Outcome.RELEASED,
            NextStep.RETRY,
            "just_modified",
        )
        assert (decision.due_at, decision.lead) == (NOW + timedelta(seconds=2), None)


def test_r3_a_page_may_be_older_than_the_lease() -> None:
    """A record of a page that was modified a moment before it is read again under the lease."""
    decision = decide(GUARDED, linked("2"), seen("1", ago(30), page=True))
    assert (decision.outcome, decision.next_step) == (Outcome.NEEDS_READING, NextStep.KEEP)
    assert decide(GUARDED, linked("2"), seen("1", ago(68), page=True)).write is not None


def test_r3_an_unguarded_write_does_not_wait() -> None:
    """It could not be guarded anyhow, and R3 looks for what it replaced."""
    can = replace(GUARDED, guarded_writes=False)
    assert decide(can, linked("2"), seen("1", ago(5))).write is not None


@pytest.mark.parametrize(("modified", "read"), [(ago(8), True), (ago(6), False)])
def test_r9_a_record_that_was_just_modified_counts_as_unread(modified: datetime, *, read: bool) -> None:
    """A sweep shall look at it once more: it may have changed again without a newer modified-at."""
    decision = decide(GUARDED, linked("1"), seen("3", modified))
    assert decision.notes is not None
    assert decision.notes.read_at == (modified if read else None)


def test_r9_where_modified_at_is_exact_a_reading_is_a_reading() -> None:
    """A record that was modified a moment before counts as read."""
    decision = decide(BARE, linked("1"), seen("3", ago(1)))
    assert decision.notes is not None
    assert decision.notes.read_at == ago(1)


def settled(outcome: Done | Duplicate | Stale, kind: WriteKind = WriteKind.UPDATE, **values: str) -> Decision:
    """What a result means for a pair that waits for it."""
    write = Pending("w", kind, "i/record/1", 1, NOW, values or {"phone": "2"}, ago(60))
    lead = linked("2", pending=write)
    item = WorkItem("i/record/1", "t", "i", "1", "lead", attempts=3, notes=Notes(approved=True))
    decision = settle_write(SettleCase(item, WriteResult("i/record/1", 1, "w", outcome), target(GUARDED), NOW, lead))
    assert decision is not None
    return decision


def test_a_stale_write_is_as_if_it_had_never_been_planned() -> None:
    """The work item is due at once, nothing is pending, and no attempt counts."""
    decision = settled(Stale())
    assert (decision.outcome, decision.next_step, decision.due_at) == (Outcome.RELEASED, NextStep.RETRY, NOW)
    assert (link_of(decision).pending, link_of(decision).base["phone"], decision.reason) == (
        None,
        Base("1", "1"),
        "write_stale",
    )
    archive = settled(Stale(), WriteKind.ARCHIVE)
    assert archive.counts["deletions"] == -1


def test_r12_a_create_that_the_crm_calls_a_duplicate() -> None:
    """One record is followed; of several a person has to say which; of none the create is refused."""
    followed = settled(Duplicate(("7",)), WriteKind.CREATE, email=EMAIL)
    assert [touch.record_id for touch in followed.touches] == ["7"]
    assert (followed.next_step, followed.reason) == (NextStep.RETRY, "record_found")
    several = settled(Duplicate(("7", "8")), WriteKind.CREATE, email=EMAIL)
    assert (several.next_step, several.reason, several.touches) == (NextStep.FAILED, "ambiguous_match", [])
    assert link_of(several).pending is None
    none = settled(Duplicate(), WriteKind.CREATE, email=EMAIL)
    assert (none.outcome, none.reason) == (Outcome.REFUSED, "email_taken")


def test_r12_an_update_that_the_crm_calls_a_duplicate() -> None:
    """The e-mail waits alone, however many records have it; without an e-mail in the write the write waits."""
    taken = settled(Duplicate(("7", "8")), email="new@x.org", phone="2")
    assert set(link_of(taken).refused) == {"email"}
    assert settled(Duplicate(("7",))).reason == "conflict"
