"""A lead, its dated changes, and the two questions about records: may one become a lead, may its changes flow."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from lead_store.domain.lead import empty_lead, should_import_from_crm, should_sync_from_crm
from lead_store.domain.link import Link
from lead_store.domain.rules import Direction, Target
from lead_store.domain.work_item import WorkItemTouch, touches_of, work_item_id

T0 = datetime(2026, 1, 1, tzinfo=UTC)
LEAD = empty_lead("lead", "tenant", "jazzaam", T0)


@pytest.mark.parametrize(
    ("mark", "may"), [("", True), ("hubspot", True), ("manual", True), ("jazzaam", False), ("Jazzaam", False)]
)
def test_should_import_from_crm(mark: str, *, may: bool) -> None:
    """A record with our own mark is never imported as a new lead; any other one may be."""
    assert should_import_from_crm(mark, "jazzaam") is may


def test_should_sync_from_crm() -> None:
    """A live lead takes the changes of its record, also if the platform made it; one that has ended does not."""
    assert should_sync_from_crm(LEAD)
    assert not should_sync_from_crm(replace(LEAD, deleted_at=T0))


def test_each_change_is_dated_and_a_value_that_is_there_changes_nothing() -> None:
    """Only fields that really change get a new date and source; a cleared field leaves no value behind."""
    later = T0 + timedelta(seconds=5)
    first = LEAD.with_values({"email": "a@x.org", "phone": "1"}, T0, "platform")
    assert first.with_values({"email": "a@x.org"}, later, "hubspot") is first
    second = first.with_values({"email": "a@x.org", "phone": ""}, later, "hubspot")
    assert second.values == {"email": "a@x.org"}
    assert (second.changed["email"].at, second.changed["phone"].at) == (T0, later)
    assert second.changed["phone"].source == "hubspot"


def test_syncing_counts_and_keeps_the_newest_time() -> None:
    """Each settled change counts once, and the CRM's newest modification is never moved back."""
    once = LEAD.synced(Direction.TO_CRM, "hubspot", T0, T0 + timedelta(seconds=9))
    twice = once.synced(Direction.FROM_CRM, "hubspot", T0, T0)
    assert twice.metadata.sync_version == 2
    assert twice.metadata.last_modified_in_crm == T0 + timedelta(seconds=9)
    assert twice.metadata.source_system == "jazzaam"


def test_a_change_of_a_lead_makes_one_work_item_per_target_due() -> None:
    """The record's work item if there is one, else the lead's.

    None where the direction or a detached link forbids it.
    """
    targets = [Target(name, "tenant", "hubspot", name, Direction.BIDIRECTIONAL) for name in "abcd"]
    targets[2] = replace(targets[2], direction=Direction.FROM_CRM)
    lead = LEAD.with_link(Link("a", "hubspot", record_id="7")).with_link(
        Link("d", "hubspot", record_id="8", detached_reason="record_gone")
    )
    assert [touch.work_item_id for touch in touches_of(lead, targets)] == ["a/record/7", "b/lead/lead"]
    assert WorkItemTouch("tenant", "a", record_id="7").work_item_id == work_item_id("a", record_id="7")
