"""Touches of one work item that come together are one touch, and lose nothing."""

from datetime import timedelta

from lead_store.domain.work_item import WorkItemTouch
from lead_store.mongo.work_item_updates import joined

FIRST = WorkItemTouch(
    "t", "i", record_id="1", created=True, match_lead_id="a", match_email="digest", run_id="r", quiet=True
)
LATER = WorkItemTouch(
    "t", "i", record_id="1", deleted=True, delay=timedelta(seconds=10), event_source="CRM_UI:userId:7"
)


def test_what_several_touches_say_is_said_together() -> None:
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
