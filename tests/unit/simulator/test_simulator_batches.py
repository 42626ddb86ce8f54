"""Batch calls on contacts."""

from typing import Any

import pytest
from unit.simulator.support import CONTACTS, RunningSimulator


def upsert(name: str, value: str, trace: str | None = None, **properties: str) -> dict[str, Any]:
    """One input of a batch upsert."""
    made: dict[str, Any] = {"idProperty": name, "id": value, "properties": properties}
    return made if trace is None else made | {"objectWriteTraceId": trace}


def test_read_names_the_missing_in_one_entry(hubspot: RunningSimulator) -> None:
    """A batch read with missing ids is a 207 with one entry that lists all of them."""
    made = hubspot.create(email="ada@example.com")
    inputs = [{"id": "ada@example.com"}, {"id": "x@example.com"}, {"id": "y@example.com"}]
    body = hubspot.post("/batch/read", {"inputs": inputs, "idProperty": "email", "properties": ["phone"]}, 207)
    assert [one["id"] for one in body["results"]] == [made]
    assert body["numErrors"] == 1
    assert body["errors"][0]["category"] == "OBJECT_NOT_FOUND"
    assert body["errors"][0]["context"]["ids"] == ["x@example.com", "y@example.com"]


def test_newest_version_answers_200_instead_of_207(hubspot: RunningSimulator) -> None:
    """Under 2026-09 the errors come with status 200."""
    answer = hubspot.api.post("/crm/objects/2026-09/contacts/batch/read", json={"inputs": [{"id": "1"}]})
    assert (answer.status_code, answer.json()["numErrors"]) == (200, 1)


def test_read_with_history_takes_fifty(hubspot: RunningSimulator) -> None:
    """A batch read accepts 100 inputs, or 50 with history."""
    inputs = [{"id": one} for one in hubspot.control.create_contacts(101)]
    assert len(hubspot.post("/batch/read", {"inputs": inputs[:100]})["results"]) == 100
    hubspot.post("/batch/read", {"inputs": inputs}, 400)
    hubspot.post("/batch/read", {"inputs": inputs[:51], "propertiesWithHistory": ["email"]}, 400)
    found = hubspot.post("/batch/read", {"inputs": inputs[:50], "propertiesWithHistory": ["email"]})
    assert len(found["results"][0]["propertiesWithHistory"]["email"]) == 1


def test_read_of_archived(hubspot: RunningSimulator) -> None:
    """Archived contacts are found with ?archived=true only."""
    made = hubspot.create(firstname="Ada")
    hubspot.post("/batch/archive", {"inputs": [{"id": made}, {"id": "1"}]}, 204)
    hubspot.post("/batch/read", {"inputs": [{"id": made}]}, 207)
    assert hubspot.post("/batch/read?archived=true", {"inputs": [{"id": made}]})["results"][0]["archived"] is True


def test_create_without_trace_ids_is_all_or_nothing(hubspot: RunningSimulator) -> None:
    """One taken e-mail refuses the whole batch create with 409, and nothing is created."""
    hubspot.create(email="ada@example.com")
    inputs = [{"properties": {"email": "bob@example.com"}}, {"properties": {"email": "ada@example.com"}}]
    assert hubspot.post("/batch/create", {"inputs": inputs}, 409)["category"] == "CONFLICT"
    assert len(hubspot.control.contacts()) == 1


def test_create_with_trace_ids_is_multi_status(hubspot: RunningSimulator) -> None:
    """With trace ids each input fails alone, and the conflict names the owner in context.existingId."""
    first = hubspot.create(email="ada@example.com")
    inputs = [
        {"objectWriteTraceId": "a", "properties": {"email": "ada@example.com"}},
        {"objectWriteTraceId": "b", "properties": {"email": "bob@example.com"}},
    ]
    body = hubspot.post("/batch/create", {"inputs": inputs}, 207)
    assert [one["objectWriteTraceId"] for one in body["results"]] == ["b"]
    assert body["errors"][0]["category"] == "CONFLICT"
    assert body["errors"][0]["context"] == {"objectWriteTraceId": ["a"], "existingId": [first]}


def test_update_drops_merged_ids_in_silence(hubspot: RunningSimulator) -> None:
    """A batch update leaves a merged-away id out of the results without an error, and names missing ids."""
    one, two, three = hubspot.control.create_contacts(3)
    hubspot.control.merge(one, two)
    inputs = [{"id": record, "properties": {"city": "Rome"}} for record in (one, three)]
    assert [found["id"] for found in hubspot.post("/batch/update", {"inputs": inputs})["results"]] == [three]
    inputs.append({"id": "999", "properties": {"city": "Rome"}})
    body = hubspot.post("/batch/update", {"inputs": inputs}, 207)
    assert body["errors"][0]["context"]["ids"] == ["999"]


def test_update_refuses_repeated_ids(hubspot: RunningSimulator) -> None:
    """The same id twice is a 400 that names it."""
    made = hubspot.create(firstname="Ada")
    body = hubspot.post("/batch/update", {"inputs": [{"id": made, "properties": {"city": "x"}}] * 2}, 400)
    assert body["message"] == f"Duplicate IDs found in batch input: [{made}]. IDs must be unique"
    assert body["context"]["ids"] == [made]


def test_update_by_unique_property_but_not_by_email(hubspot: RunningSimulator) -> None:
    """A batch update accepts a unique custom property as idProperty, and refuses email."""
    hubspot.unique_property()
    made = hubspot.create(email="ada@example.com", leadsync_lead_id="L1")
    body = hubspot.post("/batch/update", {"inputs": [upsert("leadsync_lead_id", "L1", city="Rome")]})
    assert body["results"][0]["id"] == made
    refused = hubspot.post("/batch/update", {"inputs": [upsert("email", "ada@example.com", city="Oslo")]}, 400)
    assert refused["message"].startswith("Unable to perform update/upsert by non-unique 0-1 property email")


def test_update_with_trace_ids_fails_field_by_field(hubspot: RunningSimulator) -> None:
    """With trace ids a bad value fails only its own input."""
    one, two = hubspot.control.create_contacts(2)
    inputs = [
        {"id": one, "objectWriteTraceId": "a", "properties": {"hs_lead_status": "NOPE"}},
        {"id": two, "objectWriteTraceId": "b", "properties": {"hs_lead_status": "NEW"}},
    ]
    body = hubspot.post("/batch/update", {"inputs": inputs}, 207)
    assert body["errors"][0]["errors"][0]["code"] == "INVALID_OPTION"
    assert [found["objectWriteTraceId"] for found in body["results"]] == ["b"]


def test_upsert_creates_or_updates(hubspot: RunningSimulator) -> None:
    """`new` says whether an upsert created; a second upsert with the same values changes nothing."""
    hubspot.unique_property()
    inputs = [upsert("leadsync_lead_id", f"L{n}", f"t{n}", email=f"p{n}@example.com") for n in range(3)]
    first = hubspot.post("/batch/upsert", {"inputs": inputs})
    assert [one["new"] for one in first["results"]] == [True] * 3
    again = hubspot.post("/batch/upsert", {"inputs": inputs})
    assert [one["new"] for one in again["results"]] == [False] * 3
    assert [one["id"] for one in again["results"]] == [one["id"] for one in first["results"]]
    assert hubspot.control.writes()["total"] == 3
    assert hubspot.control.writes()["without_effect"] == 3


def test_upsert_by_email(hubspot: RunningSimulator) -> None:
    """An upsert by e-mail, in any case, finds the contact or creates it with that e-mail."""
    made = hubspot.create(email="ada@example.com")
    inputs = [upsert("email", "ADA@example.com", phone="1"), upsert("email", "bob@example.com", phone="2")]
    body = hubspot.post("/batch/upsert", {"inputs": inputs})
    assert [one["new"] for one in body["results"]] == [False, True]
    assert body["results"][0]["id"] == made
    assert body["results"][1]["properties"]["email"] == "bob@example.com"


def test_upsert_conflict_with_trace_id_names_the_owner(hubspot: RunningSimulator) -> None:
    """An upsert whose e-mail belongs to another contact fails alone as CONFLICT with existingId."""
    hubspot.unique_property()
    owner = hubspot.create(email="ada@example.com")
    inputs = [
        upsert("leadsync_lead_id", "L1", "a", email="ada@example.com"),
        upsert("leadsync_lead_id", "L2", "b", email="bob@example.com"),
    ]
    body = hubspot.post("/batch/upsert", {"inputs": inputs}, 207)
    assert body["errors"][0]["category"] == "CONFLICT"
    assert body["errors"][0]["context"] == {"objectWriteTraceId": ["a"], "existingId": [owner]}
    assert body["results"][0]["new"] is True
    untraced = [{key: value for key, value in one.items() if key != "objectWriteTraceId"} for one in inputs]
    assert hubspot.post("/batch/upsert", {"inputs": untraced}, 409)["category"] == "CONFLICT"


@pytest.mark.parametrize("action", ["read", "create", "update", "upsert", "archive"])
def test_at_most_a_hundred_inputs(hubspot: RunningSimulator, action: str) -> None:
    """Every batch call refuses 101 inputs with 400."""
    inputs = [{"id": str(number), "properties": {"phone": "1"}} for number in range(101)]
    answer = hubspot.api.post(f"{CONTACTS}/batch/{action}", json={"inputs": inputs})
    assert answer.status_code == 400


@pytest.mark.parametrize("body", [[], {"inputs": "x"}, {"inputs": ["x"]}, {"inputs": [{"id": {}}]}, {"inputs": [{}]}])
@pytest.mark.parametrize("action", ["read", "create", "update", "upsert"])
def test_misshapen_bodies_are_refused(hubspot: RunningSimulator, action: str, body: Any) -> None:
    """A body of the wrong shape is never more than a client error."""
    answer = hubspot.api.post(f"{CONTACTS}/batch/{action}", json=body)
    assert answer.status_code in (207, 400)
    assert answer.json()["status"] in ("error", "COMPLETE")
