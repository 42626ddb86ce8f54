"""The whole suite stops and starts again: both sides know each other's records as before."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from e2e.harness import Json, Suite, body_of, eventually, open_api

WITHIN = 10.0


def pair_of(suite: Suite, email: str) -> tuple[str, str]:
    """The ids of the one lead and the one contact with this e-mail, once they are linked."""

    def linked() -> tuple[str, str]:
        leads, contacts = suite.leads(email), suite.contacts(email)
        assert (len(leads), len(contacts)) == (1, 1)
        lead, contact = leads[0], contacts[0]
        links = lead_of(suite, lead["id"])["links"]
        assert [(link["recordId"], link["state"]) for link in links] == [(contact["id"], "active")]
        return str(lead["id"]), str(contact["id"])

    return eventually(linked, WITHIN, "one lead and one contact, linked")


def lead_of(suite: Suite, lead_id: str) -> Json:
    """The whole lead."""
    return body_of(suite.api.get(f"/leads/{lead_id}"))


def edit_both_sides(suite: Suite, lead_id: str, contact_id: str) -> None:
    """Edit the pair, each side in another field, and see both edits on both sides."""
    suite.hubspot.edit_contact(contact_id, {"jobtitle": "Captain"})
    body_of(suite.api.patch(f"/leads/{lead_id}", json={"company": "Fleet"}))

    def both() -> bool:
        lead, contact = lead_of(suite, lead_id), suite.hubspot.contact(contact_id)["properties"]
        assert (lead["jobTitle"], lead["company"]) == ("Captain", "Fleet")
        assert (contact.get("jobtitle"), contact.get("company")) == ("Captain", "Fleet")
        return True

    eventually(both, WITHIN, "both edits on both sides")


@pytest.mark.timeout(240)
def test_a_suite_goes_on_where_it_stopped(
    another_suite: Callable[..., AbstractContextManager[Suite]], person: Callable[[str], str]
) -> None:
    """Started again on its data it has its keys and its one integration, and pairs stay pairs.

    Edits reach the same records on both sides, newcomers are new records, and none is doubled.
    """
    there, here, late = person("from-hubspot"), person("from-platform"), person("afterwards")
    with another_suite() as first:
        first.hubspot.create_contact({"email": there, "firstname": "Grace"})
        body_of(first.api.post("/leads", json={"email": here, "firstName": "Ada"}), 201)
        pairs = {email: pair_of(first, email) for email in (there, here)}
        first.wait_quiet()
        token, integration_id = first.token(), first.integration_id

    with another_suite() as second:
        assert second.integration_id == integration_id
        with open_api(second.url, token) as api:
            assert len(body_of(api.get("/crm-integration"))["integrations"]) == 1
        assert {email: pair_of(second, email) for email in pairs} == pairs
        for lead_id, contact_id in pairs.values():
            edit_both_sides(second, lead_id, contact_id)
        second.hubspot.create_contact({"email": late})
        newcomer = pair_of(second, late)
        second.wait_quiet()
        assert not set(newcomer) & {one for pair in pairs.values() for one in pair}
        assert {email: pair_of(second, email) for email in pairs} == pairs
        assert len(body_of(second.api.get("/leads"))["leads"]) == len(second.hubspot.contacts()) == 3
        assert second.status()["failedWork"] == 0
