"""Several touches of one work item are joined, and nothing is lost. A touch that says nothing new is left out."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from lead_store.domain.touches import joined, says_nothing_new
from lead_store.domain.work_item import Notes, WorkItem, WorkItemTouch

FIRST = WorkItemTouch(
    "t", "i", record_id="1", created=True, match_lead_id="a", match_email="digest", run_id="r", quiet=True
)
LATER = WorkItemTouch(
    "t", "i", record_id="1", deleted=True, delay=timedelta(seconds=10), event_source="CRM_UI:userId:7"
)


def test_a_joined_touch_says_what_each_of_them_says() -> None:
    """Evidence adds up; a touch is a run's, late or quiet only if all of them are."""
    (both,) = joined([FIRST, LATER])
    assert (both.created, both.deleted, both.event_source) == (True, True, "CRM_UI:userId:7")
    assert (both.run_id, both.delay, both.quiet) == ("", timedelta(), False)


def test_a_lead_and_the_email_that_it_found_the_record_by_stay_together() -> None:
    """Of two leads that found a record, one is kept with its own e-mail, or with none if the CRM named the record."""
    named_by_crm = WorkItemTouch("t", "i", record_id="1", match_lead_id="b")
    (both,) = joined([FIRST, named_by_crm])
    assert (both.match_lead_id, both.match_email) == ("b", "")
    (kept,) = joined([FIRST, LATER])
    assert (kept.match_lead_id, kept.match_email) == ("a", "digest")


WAITING = WorkItem("i/record/1", "t", "i", "1", notes=Notes(created=True, event_source="CRM_UI:userId:7"))
KNOWN = WorkItemTouch("t", "i", record_id="1", created=True, event_source="CRM_UI:userId:7")


def test_a_touch_that_a_waiting_work_item_knows_says_nothing_new() -> None:
    """It knows the author of the last event, and that the record is new; a change of the record it reads anyhow."""
    assert says_nothing_new(KNOWN, WAITING)
    assert says_nothing_new(replace(KNOWN, created=False), WAITING)


@pytest.mark.parametrize(
    "news",
    [
        {"event_source": "WORKFLOW:1"},
        {"deleted": True},
        {"erased": True},
        {"push": True},
        {"lead_id": "lead"},
        {"match_lead_id": "lead"},
        {"run_id": "run"},
        {"delay": timedelta(seconds=1)},
        {"quiet": True},
        {"choice": "new"},
    ],
    ids=str,
)
def test_a_touch_with_news_is_not_left_out(news: dict[str, object]) -> None:
    """Whatever else a touch says has to be noted on the work item."""
    assert not says_nothing_new(replace(KNOWN, **news), WAITING)  # type: ignore[arg-type]


def test_that_a_record_is_new_is_news() -> None:
    """A work item that only knows of changes has to learn it."""
    assert not says_nothing_new(KNOWN, replace(WAITING, notes=Notes(event_source="CRM_UI:userId:7")))


@pytest.mark.parametrize("other", [{"failed_at": datetime(2026, 1, 1, tzinfo=UTC)}, {"run_id": "r"}, {"swept": True}])
def test_an_event_makes_other_work_live(other: dict[str, object]) -> None:
    """Work that has failed, or that a run or a sweep asked for, becomes live work by any touch."""
    assert not says_nothing_new(KNOWN, replace(WAITING, **other))  # type: ignore[arg-type]
