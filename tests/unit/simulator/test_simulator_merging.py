"""Merging contacts."""

from unit.simulator.support import CONTACTS, RunningSimulator


def test_merge_makes_a_new_record_that_old_ids_lead_to(hubspot: RunningSimulator) -> None:
    """A merge answers a new id; GET and PATCH by either old id, and a batch read, answer the new record."""
    one, two = hubspot.create(email="a@example.com"), hubspot.create(email="b@example.com")
    body = hubspot.post("/merge", {"primaryObjectId": one, "objectIdToMerge": two})
    new = body["id"]
    assert new not in (one, two)
    for old in (one, two):
        assert hubspot.api.get(f"{CONTACTS}/{old}").json()["id"] == new
        assert hubspot.api.patch(f"{CONTACTS}/{old}", json={"properties": {"city": old}}).json()["id"] == new
    found = hubspot.post("/batch/read", {"inputs": [{"id": one}], "properties": ["hs_merged_object_ids"]})
    assert found["results"][0]["id"] == new
    assert set(found["results"][0]["properties"]["hs_merged_object_ids"].split(";")) == {one, two}


def test_primary_wins_and_gaps_are_filled(hubspot: RunningSimulator) -> None:
    """The primary's values stay, the other fills gaps, and the other's e-mail becomes an additional one."""
    one = hubspot.create(email="a@example.com", firstname="Ada")
    two = hubspot.create(email="b@example.com", firstname="Bob", city="Rome")
    new = hubspot.control.contact(hubspot.control.merge(one, two))["properties"]
    assert (new["email"], new["firstname"], new["city"]) == ("a@example.com", "Ada", "Rome")
    assert new["hs_additional_emails"] == "b@example.com"
    assert hubspot.post("", {"properties": {"email": "b@example.com"}}, 409)["category"] == "CONFLICT"


def test_chained_merges_list_every_old_id(hubspot: RunningSimulator) -> None:
    """hs_merged_object_ids holds the ids of all earlier merges, and each leads to the last record."""
    one, two, three = hubspot.control.create_contacts(3)
    middle = hubspot.control.merge(one, two)
    last = hubspot.control.merge(middle, three)
    assert set(hubspot.control.contact(last)["mergedIds"]) == {one, two, middle, three}
    for old in (one, two, three, middle):
        assert hubspot.control.contact(old)["id"] == last


def test_merge_joins_histories(hubspot: RunningSimulator) -> None:
    """The histories of both are kept, in order of time."""
    one, two = hubspot.create(phone="1"), hubspot.create(phone="2")
    hubspot.control.advance(1)
    hubspot.control.edit_contact(one, {"phone": "3"})
    history = hubspot.control.contact(hubspot.control.merge(one, two))["propertiesWithHistory"]["phone"]
    assert history[0]["value"] == "3"
    assert {version["value"] for version in history} >= {"1", "3"}


def test_merge_before_2025_keeps_the_primary_id(hubspot: RunningSimulator) -> None:
    """With merge_new_id off the primary survives under its own id."""
    hubspot.control.set(merge_new_id=False)
    one, two, three = hubspot.control.create_contacts(3)
    assert hubspot.control.merge(one, two) == one
    assert hubspot.control.contact(two)["id"] == one
    assert [found["id"] for found in hubspot.control.contacts()] == [one, three]


def test_merge_with_itself_or_nothing_is_refused(hubspot: RunningSimulator) -> None:
    """Merging a contact with itself is a 400, with a missing one a 404."""
    one = hubspot.create(firstname="Ada")
    hubspot.post("/merge", {"primaryObjectId": one, "objectIdToMerge": one}, 400)
    hubspot.post("/merge", {"primaryObjectId": one, "objectIdToMerge": "1"}, 404)
