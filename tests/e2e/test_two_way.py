"""Both directions through the real processes, as a user and a person in HubSpot see them."""

from collections.abc import Callable

from e2e.harness import Json, Suite, body_of, eventually

SOON = 5.0  # what a user may expect


def test_a_contact_made_in_hubspot_becomes_one_lead(suite: Suite, person: Callable[[str], str]) -> None:
    """A contact that a person makes in HubSpot appears as one lead of that origin within five seconds."""
    email = person("grace")
    suite.hubspot.create_contact({"email": email, "firstname": "Grace", "lastname": "Hopper", "jobtitle": "Admiral"})

    lead = eventually(lambda: suite.leads(email), SOON, "the lead")[0]
    suite.wait_quiet()

    assert (lead["firstName"], lead["lastName"], lead["jobTitle"]) == ("Grace", "Hopper", "Admiral")
    assert lead["crmMetadata"]["sourceSystem"] == "hubspot"
    assert [one["id"] for one in suite.leads(email)] == [lead["id"]]
    assert len(suite.contacts(email)) == 1


def test_a_lead_made_on_the_platform_becomes_one_contact_and_no_echo(
    suite: Suite, person: Callable[[str], str]
) -> None:
    """A lead becomes one contact with the platform's mark; the webhooks about it change nothing on either side."""
    email, skipped = person("ada"), suite.status()["fromCrm"]["skipped"]
    body = {"email": email, "firstName": "Ada", "lastName": "Lovelace", "company": "Analytical Engines"}
    lead = body_of(suite.api.post("/leads", json=body), 201)

    contact = eventually(lambda: suite.contacts(email), SOON, "the contact")[0]
    eventually(lambda: suite.status()["fromCrm"]["skipped"] > skipped, SOON, "the skipped counter to go up")
    suite.wait_quiet()

    assert contact["properties"]["lead_source_system"] == "jazzaam"
    assert contact["properties"]["leadsync_lead_id"] == lead["id"]
    assert [one["id"] for one in suite.contacts(email)] == [contact["id"]]
    assert [one["id"] for one in suite.leads(email)] == [lead["id"]]
    assert suite.hubspot.writes()["by_contact"][contact["id"]] == 1
    assert f"Skipping contact {contact['id']} - originated from our platform" in suite.logs("lead-store")


def test_edits_flow_both_ways(suite: Suite, person: Callable[[str], str]) -> None:
    """An edit on either side reaches the other, and edits of different fields at the same time both survive."""
    email = person("katherine")
    contact_id = suite.hubspot.create_contact({"email": email, "firstname": "Katherine", "lastname": "Johnson"})
    lead_id = eventually(lambda: suite.leads(email), SOON, "the lead")[0]["id"]

    suite.hubspot.edit_contact(contact_id, {"jobtitle": "Mathematician"})
    eventually(lambda: _lead(suite, lead_id)["jobTitle"] == "Mathematician", SOON, "the edit on the platform")
    body_of(suite.api.patch(f"/leads/{lead_id}", json={"company": "NASA"}))
    eventually(lambda: _contact(suite, contact_id).get("company") == "NASA", SOON, "the edit in HubSpot")

    suite.hubspot.edit_contact(contact_id, {"phone": "+1 202 555 0101"})
    body_of(suite.api.patch(f"/leads/{lead_id}", json={"website": "https://example.com/katherine"}))
    eventually(lambda: _lead(suite, lead_id)["phone"] == "+1 202 555 0101", SOON, "the phone on the platform")
    eventually(lambda: _contact(suite, contact_id).get("website"), SOON, "the web site in HubSpot")
    suite.wait_quiet()

    lead, contact = _lead(suite, lead_id), _contact(suite, contact_id)
    assert (lead["jobTitle"], lead["company"]) == ("Mathematician", "NASA")
    assert (contact["jobtitle"], contact["company"], contact["phone"]) == ("Mathematician", "NASA", "+1 202 555 0101")


def test_the_webhook_status_counts_what_arrived(suite: Suite, person: Callable[[str], str]) -> None:
    """The webhook status is enabled, counts events and says when the last one arrived."""
    suite.hubspot.create_contact({"email": person("mary"), "firstname": "Mary"})
    path = f"/crm-integration/{suite.integration_id}/webhook-status"

    status = eventually(lambda: _if(body_of(suite.api.get(path)), "lastReceivedAt"), SOON, "a delivery")

    assert status["enabled"] is True
    assert status["totalReceived"] > 0


def _if(body: Json, name: str) -> Json | None:
    """Return the object once it has a value under the name."""
    return body if body.get(name) else None


def _lead(suite: Suite, lead_id: str) -> Json:
    return body_of(suite.api.get(f"/leads/{lead_id}"))


def _contact(suite: Suite, contact_id: str) -> Json:
    found: Json = suite.hubspot.contact(contact_id)["properties"]
    return found
