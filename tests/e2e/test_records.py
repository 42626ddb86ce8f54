"""One record through its life: linked, edited, deleted, restored, and what never happens to it."""

from collections.abc import Callable

import pytest
from e2e.harness import Json, Suite, body_of, eventually

SOON = 5.0


def lead_of(suite: Suite, email: str) -> Json:
    """The one lead with this e-mail, once it is there."""
    (lead,) = eventually(lambda: suite.leads(email), SOON, "the lead")
    return lead


def test_a_contact_with_that_email_is_linked_and_not_doubled(suite: Suite, person: Callable[[str], str]) -> None:
    """A lead whose e-mail a contact has is linked to it: nothing is created, and both sides fill their blanks."""
    email = person("linked")
    body_of(suite.api.patch(f"/crm-integration/{suite.integration_id}", json={"paused": True}))
    contact_id = suite.hubspot.create_contact({"email": email, "jobtitle": "Captain"})
    lead = body_of(suite.api.post("/leads", json={"email": email.upper(), "company": "Fleet"}), 201)
    body_of(suite.api.patch(f"/crm-integration/{suite.integration_id}", json={"paused": False}))
    eventually(lambda: suite.hubspot.contact(contact_id)["properties"].get("company") == "Fleet", SOON, "the company")
    suite.wait_quiet()
    assert [contact["id"] for contact in suite.contacts(email)] == [contact_id]
    after = body_of(suite.api.get(f"/leads/{lead['id']}"))
    assert after["jobTitle"] == "Captain"
    assert after["links"][0]["recordId"] == contact_id
    assert len(suite.leads(email)) == 1


def test_an_edit_of_a_platform_born_contact_comes_back(suite: Suite, person: Callable[[str], str]) -> None:
    """An edit made in HubSpot to a contact that the platform created arrives, and causes no write."""
    email = person("born-here")
    lead = body_of(suite.api.post("/leads", json={"email": email, "firstName": "Ada"}), 201)
    (contact,) = eventually(lambda: suite.contacts(email), SOON, "the contact")
    suite.wait_quiet()
    writes = suite.hubspot.writes()["total"]
    suite.hubspot.edit_contact(contact["id"], {"firstname": "Augusta"})
    eventually(lambda: body_of(suite.api.get(f"/leads/{lead['id']}"))["firstName"] == "Augusta", SOON, "the edit")
    suite.wait_quiet()
    assert suite.hubspot.writes()["total"] == writes


def test_l4_an_edit_equal_to_an_older_write_of_ours_is_accepted(suite: Suite, person: Callable[[str], str]) -> None:
    """A person in HubSpot may set a value back to what we wrote before: it is an edit like any other."""
    email = person("back")
    lead = body_of(suite.api.post("/leads", json={"email": email, "phone": "1"}), 201)
    (contact,) = eventually(lambda: suite.contacts(email), SOON, "the contact")
    body_of(suite.api.patch(f"/leads/{lead['id']}", json={"phone": "2"}))
    eventually(lambda: suite.hubspot.contact(contact["id"])["properties"]["phone"] == "2", SOON, "the second number")
    suite.wait_quiet()
    suite.hubspot.edit_contact(contact["id"], {"phone": "1"})
    eventually(lambda: body_of(suite.api.get(f"/leads/{lead['id']}"))["phone"] == "1", SOON, "the number of before")
    suite.wait_quiet()
    assert suite.hubspot.contact(contact["id"])["properties"]["phone"] == "1"


def test_the_newest_edit_wins_a_doubly_changed_field(suite: Suite, person: Callable[[str], str]) -> None:
    """When both sides changed one field, the later edit is on both sides in the end."""
    email = person("newest")
    contact_id = suite.hubspot.create_contact({"email": email, "phone": "0"})
    lead = lead_of(suite, email)
    suite.wait_quiet()
    body_of(suite.api.patch(f"/crm-integration/{suite.integration_id}", json={"paused": True}))
    body_of(suite.api.patch(f"/leads/{lead['id']}", json={"phone": "1"}))
    suite.hubspot.edit_contact(contact_id, {"phone": "2"})
    body_of(suite.api.patch(f"/crm-integration/{suite.integration_id}", json={"paused": False}))
    eventually(lambda: body_of(suite.api.get(f"/leads/{lead['id']}"))["phone"] == "2", SOON, "the later number")
    suite.wait_quiet()
    assert suite.hubspot.contact(contact_id)["properties"]["phone"] == "2"


def test_a_deletion_unlinks_and_a_restore_links_again(suite: Suite, person: Callable[[str], str]) -> None:
    """A contact in HubSpot's archive is unlinked and its lead kept; restored, it is linked to the same lead."""
    email = person("bin")
    contact_id = suite.hubspot.create_contact({"email": email, "firstname": "Bin"})
    lead = lead_of(suite, email)
    suite.wait_quiet()
    suite.hubspot.delete_contact(contact_id)

    def link() -> Json:
        found: Json = body_of(suite.api.get(f"/leads/{lead['id']}"))["links"][0]
        return found

    eventually(lambda: link()["state"] == "detached", SOON, "the link to be detached")
    assert link()["detachedReason"] == "record_archived"
    body_of(suite.api.patch(f"/leads/{lead['id']}", json={"phone": "1"}))
    suite.wait_quiet()
    assert suite.contacts(email) == []
    suite.hubspot.restore_contact(contact_id)
    eventually(lambda: link()["state"] == "active", SOON, "the link to be attached")
    eventually(lambda: suite.hubspot.contact(contact_id)["properties"].get("phone") == "1", SOON, "the edit")
    assert [found["id"] for found in suite.leads(email)] == [lead["id"]]


def test_a_deleted_leads_contact_goes_to_the_bin_by_policy(suite: Suite, person: Callable[[str], str]) -> None:
    """Archived once, neither brought back by its own event nor by a restore; a converted lead's contact stays."""
    deletions = f"/crm-integration/{suite.integration_id}"
    body_of(suite.api.patch(deletions, json={"policies": {"deletions": {"recordPolicy": "archive"}}}))
    try:
        emails = [person("archived"), person("customer")]
        contacts = [suite.hubspot.create_contact({"email": email, "firstname": "Ada"}) for email in emails]
        leads = [lead_of(suite, email)["id"] for email in emails]
        suite.wait_quiet()
        archives = suite.hubspot.calls().get("POST /crm/v3/objects/contacts/batch/archive", 0)
        for lead_id, query in zip(leads, ("", "?reason=converted"), strict=True):
            assert suite.api.delete(f"/leads/{lead_id}{query}").status_code == 204
        eventually(lambda: suite.hubspot.contact(contacts[0])["archived"], SOON, "the contact in the archive")
        suite.wait_quiet()
        suite.hubspot.restore_contact(contacts[0])
        suite.hubspot.edit_contact(contacts[1], {"phone": "1"})
        suite.wait_quiet()
        assert [suite.hubspot.contact(contact)["archived"] for contact in contacts] == [False, False]
        assert suite.hubspot.calls()["POST /crm/v3/objects/contacts/batch/archive"] == archives + 1
        assert [suite.leads(email) for email in emails] == [[], []]
    finally:
        body_of(suite.api.patch(deletions, json={"policies": {"deletions": {"recordPolicy": "leave"}}}))


def test_a_deletion_event_for_a_contact_that_is_there_changes_nothing(
    suite: Suite, person: Callable[[str], str]
) -> None:
    """An event that says deleted proves nothing while the record reads as present (R14)."""
    email = person("not-gone")
    contact_id = suite.hubspot.create_contact({"email": email})
    lead = lead_of(suite, email)
    suite.wait_quiet()
    event: Json = {
        "eventId": 1,
        "subscriptionId": 1,
        "portalId": 48975575,
        "appId": 39522895,
        "occurredAt": 1782371970538,
    }
    event |= {"subscriptionType": "contact.deletion", "attemptNumber": 0, "objectId": int(contact_id)}
    suite.hubspot.send_events([event | {"changeFlag": "DELETED", "changeSource": "CRM_UI"}])
    suite.wait_quiet()
    assert body_of(suite.api.get(f"/leads/{lead['id']}"))["links"][0]["state"] == "active"


def test_a_merge_leads_on_to_the_surviving_contact(suite: Suite, person: Callable[[str], str]) -> None:
    """When an unlinked contact is merged into a linked one, the lead follows to the new id and still takes edits."""
    email = person("primary")
    primary = suite.hubspot.create_contact({"email": email, "firstname": "Pri"})
    lead = lead_of(suite, email)
    # With the platform's mark it is never imported, so that it stays without a lead.
    other = suite.hubspot.create_contact({"email": person("secondary"), "lead_source_system": "jazzaam"})
    suite.wait_quiet()
    merged = suite.hubspot.merge(primary, other)
    suite.hubspot.edit_contact(merged, {"jobtitle": "Survivor"})
    eventually(lambda: body_of(suite.api.get(f"/leads/{lead['id']}"))["jobTitle"] == "Survivor", SOON, "the edit")
    suite.wait_quiet()
    after = body_of(suite.api.get(f"/leads/{lead['id']}"))
    assert [link["recordId"] for link in after["links"]] == [merged]
    assert [found["id"] for found in suite.leads(email)] == [lead["id"]]


def test_r12_an_email_that_another_contact_took_fails_alone(suite: Suite, person: Callable[[str], str]) -> None:
    """HubSpot refuses another contact's e-mail; the other fields of that edit still arrive, and people see why."""
    taken, email = person("taken"), person("wants")
    suite.hubspot.create_contact({"email": taken})
    contact_id = suite.hubspot.create_contact({"email": email})
    lead = lead_of(suite, email)
    suite.wait_quiet()
    body_of(suite.api.patch(f"/leads/{lead['id']}", json={"email": taken, "phone": "7"}))
    eventually(lambda: suite.hubspot.contact(contact_id)["properties"].get("phone") == "7", SOON, "the phone")
    suite.wait_quiet()
    assert suite.hubspot.contact(contact_id)["properties"]["email"] == email
    refused = body_of(suite.api.get(f"/leads/{lead['id']}"))["links"][0]["refused"]
    assert [(one["field"], one["reason"]) for one in refused] == [("email", "email_taken")]


def test_events_of_any_order_and_number_give_one_lead(suite: Suite, person: Callable[[str], str]) -> None:
    """Deliveries that HubSpot repeats, shuffles and numbers alike end in the same state (L5)."""
    email = person("chaos")
    suite.hubspot.set(duplicate_probability=0.5, disorder_seconds=0.5, same_event_ids=True)
    try:
        contact_id = suite.hubspot.create_contact({"email": email, "firstname": "0"})
        for n in range(1, 10):
            suite.hubspot.edit_contact(contact_id, {"firstname": str(n)})
        eventually(lambda: [lead["firstName"] for lead in suite.leads(email)] == ["9"], 10, "the last name")
        suite.wait_quiet()
    finally:
        suite.hubspot.set(duplicate_probability=0.0, disorder_seconds=0.0, same_event_ids=False)
    assert [lead["firstName"] for lead in suite.leads(email)] == ["9"]


def test_generic_events_do_as_well(suite: Suite, person: Callable[[str], str]) -> None:
    """Apps of the developer platform send `object.*` events; they are understood like the classic ones."""
    email = person("generic")
    suite.hubspot.set(event_format="generic")
    try:
        suite.hubspot.create_contact({"email": email})
        lead_of(suite, email)
    finally:
        suite.hubspot.set(event_format="subscription")


def test_a_deletion_follows_the_policy_of_its_integration(suite: Suite, person: Callable[[str], str]) -> None:
    """With the policy `delete_lead` a contact in HubSpot's archive deletes its lead.

    The integration shows the policy.
    """
    email = person("policy")
    contact_id = suite.hubspot.create_contact({"email": email})
    lead_of(suite, email)
    suite.wait_quiet()
    path = f"/crm-integration/{suite.integration_id}"
    body_of(suite.api.patch(path, json={"policies": {"deletions": {"policy": "delete_lead"}}}))
    try:
        assert body_of(suite.api.get(path))["policies"]["deletions"]["policy"] == "delete_lead"
        suite.hubspot.delete_contact(contact_id)
        eventually(lambda: suite.leads(email) == [], SOON, "the lead to be deleted")
    finally:
        body_of(suite.api.patch(path, json={"policies": {"deletions": {"policy": "unlink"}}}))


@pytest.mark.timeout(180)
def test_a_privacy_deletion_erases_the_lead_and_refuses_a_re_import(suite: Suite, person: Callable[[str], str]) -> None:
    """A gdpr-delete in HubSpot erases the lead for good, and a contact with that e-mail is not imported again."""
    email = person("forget-me")
    contact_id = suite.hubspot.create_contact({"email": email, "firstname": "Forget"})
    lead = lead_of(suite, email)
    suite.wait_quiet()
    suite.hubspot.gdpr_delete(contact_id)
    eventually(lambda: suite.api.get(f"/leads/{lead['id']}").status_code == 404, 90, "the lead to be erased")
    again = suite.hubspot.create_contact({"email": email, "firstname": "Again"})
    suite.wait_quiet()
    assert suite.leads(email) == []
    events = body_of(suite.api.get("/events", params={"recordId": again}))["events"]
    reasons = [event["work"]["reason"] for delivery in events for event in delivery["events"] if event["work"]]
    assert set(reasons) == {"erased"}
    kept = suite.api.get("/events", params={"recordId": contact_id}).text
    assert "Forget" not in kept
