"""Contact search."""

from typing import Any

import pytest
from hubspot_simulator.core.clock import parse_ms
from unit.simulator.support import CONTACTS, RunningSimulator, wait_until


def search(hubspot: RunningSimulator, *filters: dict[str, Any], **body: Any) -> Any:
    """Search with filters that must all hold."""
    groups = [{"filters": list(filters)}] if filters else []
    return hubspot.post("/search", {"filterGroups": groups, "limit": 100, **body})


def names(found: Any) -> list[str]:
    """First names of the results."""
    return [one["properties"]["firstname"] for one in found["results"]]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"propertyName": "firstname", "operator": "EQ", "value": "ADA"}, ["Ada"]),
        ({"propertyName": "firstname", "operator": "NEQ", "value": "ada"}, ["Bob", "Cy"]),
        ({"propertyName": "firstname", "operator": "IN", "values": ["ada", "cy"]}, ["Ada", "Cy"]),
        ({"propertyName": "firstname", "operator": "IN", "values": ["Ada"]}, []),
        ({"propertyName": "firstname", "operator": "NOT_IN", "values": ["ada"]}, ["Bob", "Cy"]),
        ({"propertyName": "phone", "operator": "HAS_PROPERTY"}, ["Ada", "Bob"]),
        ({"propertyName": "phone", "operator": "NOT_HAS_PROPERTY"}, ["Cy"]),
        ({"propertyName": "numemployees", "operator": "GT", "value": "9"}, ["Ada", "Bob"]),
        ({"propertyName": "numemployees", "operator": "BETWEEN", "value": "9", "highValue": "10"}, ["Ada", "Cy"]),
        ({"propertyName": "email", "operator": "CONTAINS_TOKEN", "value": "*corp*"}, ["Bob"]),
        ({"propertyName": "email", "operator": "NOT_CONTAINS_TOKEN", "value": "corp"}, ["Ada", "Cy"]),
    ],
)
def test_operators(hubspot: RunningSimulator, rule: dict[str, Any], expected: list[str]) -> None:
    """Each operator finds the contacts that the search guide promises, oldest first."""
    hubspot.create(firstname="Ada", email="a@example.com", phone="1", numemployees="10")
    hubspot.create(firstname="Bob", email="b@corp.com", phone="2", numemployees="100")
    hubspot.create(firstname="Cy", email="c@example.com", numemployees="9")
    assert names(search(hubspot, rule)) == expected


@pytest.mark.parametrize("iso", [True, False])
def test_modified_since(hubspot: RunningSimulator, iso: bool) -> None:
    """Filters of lastmodifieddate take ISO times and milliseconds, and results can be sorted by id."""
    hubspot.create(firstname="Ada")
    hubspot.control.advance(10)
    later = hubspot.control.contact(hubspot.create(firstname="Bob"))
    since: str = later["updatedAt"]
    if not iso:
        since = str(parse_ms(since))
    rule = {"propertyName": "lastmodifieddate", "operator": "GTE", "value": since}
    sorts = [{"propertyName": "hs_object_id", "direction": "ASCENDING"}]
    assert names(search(hubspot, rule, sorts=sorts)) == ["Bob"]


def test_a_search_can_show_what_it_does_not_sort_by(hubspot: RunningSimulator) -> None:
    """With search_shows_present a contact stands where the index knew it, and shows its present values."""
    ada, bob = hubspot.create(firstname="Ada"), hubspot.create(firstname="Bob")
    hubspot.control.set(search_lag_seconds=60, search_shows_present=True)
    hubspot.control.edit_contact(ada, {"firstname": "Augusta"})

    found = search(hubspot, sorts=[{"propertyName": "lastmodifieddate"}], properties=["firstname"])

    assert names(found) == ["Augusta", "Bob"]
    assert found["results"][0]["properties"]["lastmodifieddate"] > hubspot.control.contact(bob)["updatedAt"]


def test_search_lags_behind(hubspot: RunningSimulator) -> None:
    """A new contact is not found until the index has caught up; an archived one leaves total before it leaves."""
    hubspot.control.set(search_lag_seconds=60)
    made = hubspot.create(firstname="Ada")
    assert search(hubspot)["total"] == 0
    hubspot.control.advance(61)
    assert search(hubspot)["total"] == 1
    hubspot.api.delete(f"{CONTACTS}/{made}")
    found = search(hubspot)
    assert (found["total"], found["results"]) == (1, [])
    hubspot.control.set(search_lag_seconds=0)
    wait_until(lambda: bool(search(hubspot)["total"] == 0))


def test_pages_by_offset_up_to_ten_thousand(hubspot: RunningSimulator) -> None:
    """`after` is an offset, a page holds at most 200, and paging past 10,000 is a 400."""
    hubspot.control.create_contacts(25)
    first = search(hubspot, limit=20)
    assert (first["total"], first["paging"]["next"]["after"]) == (25, "20")
    second = search(hubspot, limit=20, after="20")
    assert (len(second["results"]), "paging" in second) == (5, False)
    hubspot.post("/search", {"limit": 201}, 400)
    hubspot.post("/search", {"limit": 100, "after": "9950"}, 400)
    hubspot.post("/search", {"after": "abc"}, 400)
    hubspot.post("/search", {"query": "x" * 3000}, 400)


def test_query_looks_in_names_and_numbers(hubspot: RunningSimulator) -> None:
    """`query` looks in names, e-mails, phones and company."""
    hubspot.create(firstname="Ada", company="Analytical Engines")
    hubspot.create(firstname="Bob", phone="555-1234")
    assert names(search(hubspot, query="engines")) == ["Ada"]
    assert names(search(hubspot, query="1234")) == ["Bob"]


def test_groups_are_or_and_limited(hubspot: RunningSimulator) -> None:
    """Groups are alternatives; more than five of them are a 400."""
    hubspot.create(firstname="Ada")
    hubspot.create(firstname="Bob")
    groups = [{"filters": [{"propertyName": "firstname", "operator": "EQ", "value": name}]} for name in ("ada", "bob")]
    assert hubspot.post("/search", {"filterGroups": groups})["total"] == 2
    hubspot.post("/search", {"filterGroups": groups * 3}, 400)
