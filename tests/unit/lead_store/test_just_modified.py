"""A record that was modified just before it was read, in a CRM whose modified-at has whole seconds (R3, R9)."""

from datetime import UTC, datetime, timedelta

import pytest
from lead_store.domain.decision import Case, Decision, NextStep, Outcome
from lead_store.domain.lead import empty_lead
from lead_store.domain.link import Link
from lead_store.domain.merge import Base
from lead_store.domain.observation import Observation, Present
from lead_store.domain.reconcile import reconcile
from lead_store.domain.retry import Waits
from lead_store.domain.rules import Capabilities, Direction, FieldRule, Reading, Target
from lead_store.domain.work_item import Notes, WorkItem

T0 = datetime(2026, 1, 1, tzinfo=UTC)
LONG_AGO = T0 - timedelta(days=1)
FIELD = "company"
WHOLE_SECONDS = timedelta(seconds=2)
WAITS = Waits(page_age=timedelta(seconds=60))


def decided(age: float, *, ours: str = "b", page: bool = False, guarded: bool = True) -> Decision:
    """What is decided on a record that was modified so many seconds before its work item was claimed."""
    can = Capabilities(history=False, guarded_writes=guarded, write_stamp=True, unread_within=WHOLE_SECONDS)
    target = Target("i", "t", "crm", "1", Direction.BIDIRECTIONAL, {FIELD: FieldRule()}, "m", capabilities=can)
    link = Link("i", "crm", "1", "1", base={FIELD: Base("a", "a")}, mapping="m", seen=LONG_AGO)
    lead = empty_lead("lead", "t", "jazzaam", LONG_AGO).with_values({FIELD: ours}, LONG_AGO, "platform").with_link(link)
    work_item = WorkItem(
        "i/record/1", "t", "i", "1", "lead", fence=1, claimed_at=T0, lease_until=T0, notes=Notes(read_at=LONG_AGO)
    )
    present = Present("1", T0 - timedelta(seconds=age), {FIELD: Reading("a", "a")})
    seen = Observation(work_item.work_item_id, 1, present, read_before_lease=page)
    return reconcile(Case(work_item, seen, target, T0, "jazzaam", "", "w", lead=lead, waits=WAITS))


def read_at(decision: Decision) -> datetime | None:
    """Up to when the record counts as read."""
    assert decision.notes is not None
    return decision.notes.read_at


@pytest.mark.parametrize("age", [-1, 0, 1.9])
def test_r3_a_guarded_write_waits_until_its_guard_can_see_a_change(age: float) -> None:
    """A person may edit the record once more in the same second, and no guard would notice."""
    decision = decided(age)
    assert (decision.outcome, decision.next_step, decision.reason) == (
        Outcome.RELEASED,
        NextStep.RETRY,
        "just_modified",
    )
    assert (decision.write, decision.due_at) == (None, T0 + WHOLE_SECONDS)


def test_r3_a_guarded_write_goes_out_once_the_second_is_over() -> None:
    """What the reading showed is its basis. A write without a guard has nothing to wait for."""
    write = decided(2).write
    assert write is not None
    assert write.basis == T0 - timedelta(seconds=2)
    assert decided(0, guarded=False).write is not None


def test_r3_a_page_may_be_older_than_its_lease() -> None:
    """It was read up to a minute before, so the record is read again where that could matter."""
    assert decided(61.9, page=True).outcome is Outcome.NEEDS_READING
    assert decided(62, page=True).write is not None


def test_r9_a_record_that_was_just_modified_counts_as_unread() -> None:
    """A sweep has to look at it again, since its modified-at may not move with the next edit."""
    assert read_at(decided(1.9, ours="a")) == LONG_AGO
    assert read_at(decided(2, ours="a")) == T0 - timedelta(seconds=2)
    assert read_at(decided(61.9, ours="a", page=True)) == LONG_AGO
    assert read_at(decided(62, ours="a", page=True)) == T0 - timedelta(seconds=62)
