"""Work items: their names, and which of them a change or a push of a lead makes due."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from lead_store.domain.errors import Invalid
from lead_store.domain.lead import empty_lead
from lead_store.domain.link import Link
from lead_store.domain.rules import Direction, Target
from lead_store.domain.work_item import (
    WorkItem,
    WorkItemTouch,
    erasure_of,
    push_of,
    touches_of,
    work_item_id,
    work_item_named,
)

LEAD = empty_lead("lead", "tenant", "jazzaam", datetime(2026, 1, 1, tzinfo=UTC))
TARGET = Target("i", "tenant", "hubspot", "account", Direction.BIDIRECTIONAL)
LINK = Link("i", "hubspot", record_id="7")


def test_a_work_item_is_named_after_its_record_or_else_its_lead() -> None:
    """One work item per record, and one per lead and integration while there is no record."""
    assert work_item_id("i", record_id="7") == "i/record/7"
    assert work_item_id("i", record_id="7", lead_id="lead") == "i/record/7"
    assert work_item_id("i", lead_id="lead") == "i/lead/lead"


@pytest.mark.parametrize(("record_id", "lead_id"), [("7", ""), ("", "lead"), ("a/b", "")])
def test_a_work_item_follows_from_its_name(record_id: str, lead_id: str) -> None:
    """A work item that nobody has touched yet is as its name says, whatever signs are in the record's id."""
    name = work_item_id("i", record_id=record_id, lead_id=lead_id)
    assert work_item_named("tenant", "i", name) == WorkItem(name, "tenant", "i", record_id, lead_id)


@pytest.mark.parametrize(
    "name", ["", "i", "i/", "i/record", "i/record/", "i/lead/", "i/other/7", "j/record/7", "record/7"]
)
def test_a_name_that_is_no_work_item_of_the_integration_is_refused(name: str) -> None:
    """Names of other integrations, and such that name neither record nor lead, are a fault of the caller."""
    with pytest.raises(Invalid, match=r"^invalid_field: is none of the integration's$") as refused:
        work_item_named("tenant", "i", name)
    assert refused.value.field == "work_item_id"


def test_a_push_makes_the_work_item_of_the_pair_due() -> None:
    """The record's work item where the link is in use; else the lead's, and R13 a push may create a record again."""
    pushed = WorkItemTouch("tenant", "i", lead_id="lead", push=True)
    assert push_of(LEAD, TARGET) == pushed
    assert push_of(LEAD.with_link(LINK), TARGET) == replace(pushed, record_id="7")
    assert push_of(LEAD.with_link(replace(LINK, detached_reason="record_gone")), TARGET) == pushed
    assert push_of(LEAD.with_link(replace(LINK, integration_id="other")), TARGET) == pushed
    assert push_of(LEAD, TARGET, "run") == replace(pushed, run_id="run")


def test_r17_an_erasure_goes_on_to_the_work_item_of_a_merged_record() -> None:
    """As if an event of the CRM had said that the record's person is to be erased."""
    assert erasure_of(TARGET, "7") == WorkItemTouch("tenant", "i", record_id="7", erased=True)


def test_a_target_that_takes_nothing_does_not_keep_a_change_from_the_others() -> None:
    """R20: every other target's work item becomes due, in the tenant of the lead."""
    targets = [replace(TARGET, direction=Direction.FROM_CRM), replace(TARGET, integration_id="j")]
    assert touches_of(LEAD, targets) == [WorkItemTouch("tenant", "j", lead_id="lead")]
