"""How often a field was cleared, and when that is too often."""

from dataclasses import replace
from datetime import UTC, datetime

from lead_store.domain.clearing import cleared_fields, clearings_in, counted, past_cap
from lead_store.domain.decision import Case
from lead_store.domain.observation import Absent, Observation
from lead_store.domain.rules import Deletions, Direction, Target
from lead_store.domain.work_item import Notes, WorkItem

DELETIONS = Deletions(cap_number=2, cap_percent=10)
TARGET = Target("i", "t", "hubspot", "1", Direction.BIDIRECTIONAL, deletions=DELETIONS)
ITEM = WorkItem("i/record/1", "t", "i", "1")
CASE = Case(ITEM, Observation("i/record/1", 1, Absent()), TARGET, datetime(2026, 1, 1, tzinfo=UTC), "jazzaam", "", "")


def test_a_field_is_past_the_cap_when_it_was_cleared_so_often() -> None:
    """The cap is that of deletions, a number or a share of the linked leads, and each field has its own count."""
    often = replace(CASE, cleared={"phone": 2, "company": 1})
    assert past_cap(["company", "phone"], often)
    assert not past_cap(["company", "email"], often)
    assert not past_cap([], often)
    assert not past_cap(["phone"], replace(often, linked=30))
    assert not past_cap(["phone"], replace(often, work_item=replace(ITEM, notes=Notes(approved=True))))


def test_clearings_are_counted_by_field() -> None:
    """Blank values count, and are found again among the other counts of a decision."""
    assert cleared_fields({"phone": "", "company": " ", "email": "a@x.org"}) == ["phone", "company"]
    assert clearings_in({**counted(["phone"]), "from_crm_updated": 1}) == {"phone": 1}
    assert clearings_in(counted(["custom_fields.a"], -1)) == {"custom_fields.a": -1}
