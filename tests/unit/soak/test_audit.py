"""The soak's audit has teeth: each law that is broken on purpose is named."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from soak.audit import audit
from soak.final_state import Acknowledged, FinalState
from soak.ledger import LeadEdit, Ledger

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DELIVERY = Acknowledged("key", ("100",))
World = tuple[FinalState, Ledger]


def world() -> World:
    """One linked pair; one edit on each side; one delivery, acknowledged and decided."""
    link = {
        "integration_id": "i",
        "record_id": "100",
        "detached_reason": "",
        "former_record_ids": [],
        "conflicts": {},
        "refused": {},
        "overwritten": {},
    }
    values = {"email": "ada@example.com", "company": "theirs"}
    lead = {"_id": "lead", "values": values, "links": [link], "deleted_at": None}
    contact = {
        "id": "100",
        "archived": False,
        "mergedIds": [],
        "properties": {"email": "ada@example.com", "company": "theirs", "leadsync_lead_id": "lead"},
        "propertiesWithHistory": {
            "company": [
                {"value": "theirs", "sourceType": "CRM_UI"},
                {"value": "ours", "sourceType": "INTEGRATION"},
                {"value": "before", "sourceType": "CRM_UI"},
            ]
        },
    }
    left = FinalState(
        integration_id="i",
        leads={"lead": lead},
        work_items={"i/record/100": {"decided_at": NOW + timedelta(seconds=1), "outcome": "updated"}},
        deliveries={"key": {"state": "routed", "reason": "", "recorded_at": NOW}},
        history={"lead": {("company", "before"), ("company", "ours"), ("company", "theirs")}},
        contacts={"100": contact},
        api_leads={"lead": {}},
        calls={"statuses": {"200": 10}, "total": 10, "writes": {"total": 1, "without_effect": 0}},
    )
    ledger = Ledger(leads={"lead": "ada@example.com"}, edits=[LeadEdit("lead", "company", "ours")])
    ledger.counts.update({"leads created": 1, "leads edited": 1, "contacts edited": 2})
    return left, ledger


def test_a_sound_world_has_no_findings() -> None:
    """Nothing is found where nothing is wrong."""
    left, ledger = world()
    assert audit(left, [DELIVERY], ledger, 0) == []


def test_l1_any_address_of_the_contact_is_the_leads() -> None:
    """A lead that was linked by a further address of its contact keeps that one."""
    left, ledger = world()
    left.contacts["100"]["properties"].update(
        {"email": "first@example.com", "hs_additional_emails": "b@example.com;ada@example.com"}
    )
    assert [found for found in audit(left, [DELIVERY], ledger, 0) if found.law == "L1"] == []


@pytest.mark.parametrize(("ahead", "laws"), [(21, []), (19, ["L10"])])
def test_l10_a_clock_that_was_put_back_explains_an_earlier_decision(ahead: float, laws: list[str]) -> None:
    """But not one that is earlier than the clock was ever wrong by."""
    left, ledger = world()
    left.work_items["i/record/100"].update(decided_at=NOW - timedelta(seconds=20))
    found = audit(replace(left, clock_ahead=timedelta(seconds=ahead)), [DELIVERY], ledger, 0)
    assert [one.law for one in found] == laws


def second_lead(left: FinalState, **values: str) -> dict[str, Any]:
    """Another lead like the first one."""
    lead: dict[str, Any] = {**left.leads["lead"], "_id": "second"}
    lead["values"] = {**lead["values"], **values}
    left.leads["second"] = lead
    return lead


BREAKS: dict[str, tuple[str, Callable[[FinalState, Ledger], object]]] = {
    "a delivery is gone": ("L10", lambda e, _: e.deliveries.clear()),
    "a delivery was never routed": ("L10", lambda e, _: e.deliveries["key"].update(state="new")),
    "a touch was decided before it came": (
        "L10",
        lambda e, _: e.work_items["i/record/100"].update(decided_at=NOW - timedelta(seconds=1)),
    ),
    "a field differs": ("L1", lambda e, _: e.leads["lead"]["values"].update(company="other")),
    "a field is blank on one side": ("L1", lambda e, _: e.contacts["100"]["properties"].pop("email")),
    "a contact has two leads": ("L6", lambda e, _: second_lead(e, email="other@example.com")),
    "a person is two leads": ("L6", lambda e, _: second_lead(e)["links"].clear()),
    "a person is two contacts": ("L6", lambda e, _: e.contacts.update({"200": {**e.contacts["100"], "id": "200"}})),
    "a contact is not imported": ("L5", lambda e, _: e.leads.clear()),
    "a lead is not created": ("L5", lambda e, _: e.leads["lead"]["links"].clear()),
    "an acknowledged lead is gone": ("L2", lambda _, ledger: ledger.leads.update(gone="gone@example.com")),
    "an acknowledged edit is in no history": ("L2", lambda e, _: e.history["lead"].remove(("company", "ours"))),
    "our write replaced a value unseen": ("L2", lambda e, _: e.history["lead"].remove(("company", "before"))),
    "more was written than entered": ("L3", lambda e, _: e.calls["writes"].update(total=99)),
    "calls were refused": ("quota", lambda e, _: e.calls["statuses"].update({"429": 8})),
}


@pytest.mark.parametrize("what", BREAKS)
def test_what_is_broken_is_found(what: str) -> None:
    """Each kind of loss, repetition or difference is found under its law."""
    law, break_it = BREAKS[what]
    left, ledger = world()
    break_it(left, ledger)
    assert law in {finding.law for finding in audit(left, [DELIVERY], ledger, 0)}


def test_a_link_to_a_deleted_contact_counts_only_if_its_event_arrived() -> None:
    """A contact that was deleted while its event was lost is noticed later, by the pass over the archive."""
    left, ledger = world()
    left.contacts["100"]["archived"] = True
    assert audit(left, [DELIVERY], ledger, 0) == []
    arrived = Acknowledged("key", ("100",), ("100",))
    assert {finding.law for finding in audit(left, [arrived], ledger, 0)} == {"L8"}


@pytest.mark.parametrize(("former", "laws"), [(["90"], set()), ([], {"L6"})])
def test_l6_a_lead_whose_merged_contact_was_deleted_keeps_its_email(former: list[str], laws: set[str]) -> None:
    """The merge gave it the e-mail of a lead that had no contact yet; no other lead may have its e-mail."""
    left, ledger = world()
    lost = second_lead(left)
    lost["links"] = [
        {**lost["links"][0], "record_id": "200", "detached_reason": "record_archived", "former_record_ids": former}
    ]
    left.contacts["200"] = {**left.contacts["100"], "id": "200", "archived": True}
    left.history["second"] = left.history["lead"]
    assert {finding.law for finding in audit(left, [DELIVERY], ledger, 0)} == laws


def test_writes_without_edits_are_found() -> None:
    """Looking at everything once more must write nothing."""
    left, ledger = world()
    assert {finding.law for finding in audit(left, [DELIVERY], ledger, 1)} == {"L3"}
