"""Single contact calls."""

import pytest
from unit.simulator.support import CONTACTS, RunningSimulator


def test_create_echoes_what_was_written_and_computed(hubspot: RunningSimulator) -> None:
    """A create lower-cases the e-mail and answers the values HubSpot computes, with status 201."""
    made = hubspot.post("", {"properties": {"email": " Ada@Example.COM ", "firstname": "Ada"}}, 201)
    assert made["properties"]["email"] == "ada@example.com"
    assert made["properties"]["hs_object_source_id"] == "39522895"
    assert made["properties"]["lifecyclestage"] == "lead"
    assert made["properties"]["hs_object_id"] == made["id"]
    assert len(made["id"]) == 12
    assert made["archived"] is False


def test_taken_email_is_a_conflict_that_names_the_owner(hubspot: RunningSimulator) -> None:
    """A second contact with an e-mail, in any letter case, is a 409 whose message has the existing id."""
    first = hubspot.create(email="ada@example.com")
    body = hubspot.post("", {"properties": {"email": "ADA@example.com"}}, 409)
    assert body["category"] == "CONFLICT"
    assert body["message"] == f"Contact already exists. Existing ID: {first}"


def test_additional_email_is_taken_too(hubspot: RunningSimulator) -> None:
    """An e-mail in hs_additional_emails blocks a create like a primary one."""
    hubspot.create(email="ada@example.com", hs_additional_emails="ada@home.example")
    assert hubspot.post("", {"properties": {"email": "ada@home.example"}}, 409)["category"] == "CONFLICT"


def test_patch_to_taken_email_is_a_conflict(hubspot: RunningSimulator) -> None:
    """A PATCH to another contact's e-mail is a 409 and changes nothing."""
    hubspot.create(email="ada@example.com")
    other = hubspot.create(email="bob@example.com", firstname="Bob")
    wanted = {"email": "ada@example.com", "firstname": "X"}
    answer = hubspot.api.patch(f"{CONTACTS}/{other}", json={"properties": wanted})
    assert answer.status_code == 409
    assert hubspot.control.contact(other)["properties"]["firstname"] == "Bob"


@pytest.mark.parametrize(
    ("properties", "code"),
    [
        ({"nonsense": "1"}, "PROPERTY_DOESNT_EXIST"),
        ({"email": "dsfsafas@"}, "INVALID_EMAIL"),
        ({"hs_lead_status": "NOPE"}, "INVALID_OPTION"),
        ({"hs_object_id": "1"}, "READ_ONLY_VALUE"),
        ({"numemployees": "many"}, "INVALID_INTEGER"),
    ],
)
def test_bad_property_refuses_the_write(hubspot: RunningSimulator, properties: dict[str, str], code: str) -> None:
    """One bad property refuses the whole write with 400 and its code, in the message and in errors."""
    body = hubspot.post("", {"properties": {"firstname": "Ada", **properties}}, 400)
    assert body["category"] == "VALIDATION_ERROR"
    assert body["errors"][0]["code"] == code
    assert body["message"].startswith("Property values were not valid: [{")
    assert f'"error":"{code}"' in body["message"]


def test_read_shows_defaults_or_what_was_asked(hubspot: RunningSimulator) -> None:
    """A read shows six properties, or those asked for; unset ones are null and unknown names are ignored."""
    made = hubspot.create(email="ada@example.com")
    shown = hubspot.api.get(f"{CONTACTS}/{made}").json()["properties"]
    assert set(shown) == {"createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname"}
    assert shown["firstname"] is None
    query = "properties=phone,nonsense&properties=city"
    asked = hubspot.api.get(f"{CONTACTS}/{made}?{query}").json()["properties"]
    assert set(asked) == {"phone", "city", "createdate", "hs_object_id", "lastmodifieddate"}


def test_read_by_email_and_unique_property(hubspot: RunningSimulator) -> None:
    """An idProperty finds a contact by e-mail, additional e-mail or unique property; other properties are a 400."""
    hubspot.unique_property()
    made = hubspot.create(email="a+b@example.com", hs_additional_emails="x@example.com", leadsync_lead_id="L1")
    for value, name in (("a%2Bb%40example.com", "email"), ("x@example.com", "email"), ("L1", "leadsync_lead_id")):
        assert hubspot.api.get(f"{CONTACTS}/{value}?idProperty={name}").json()["id"] == made
    assert hubspot.api.get(f"{CONTACTS}/Ada?idProperty=firstname").status_code == 400


def test_unique_value_can_be_used_once(hubspot: RunningSimulator) -> None:
    """A second contact with a value of a unique property is refused with CONFLICTING_UNIQUE_VALUE."""
    hubspot.unique_property()
    hubspot.create(firstname="Ada", leadsync_lead_id="L1")
    body = hubspot.post("", {"properties": {"firstname": "Bob", "leadsync_lead_id": "L1"}}, 400)
    assert body["errors"][0]["code"] == "CONFLICTING_UNIQUE_VALUE"


def test_update_answers_only_what_was_written(hubspot: RunningSimulator) -> None:
    """A PATCH answers the written properties and times, a cleared one as an empty string, read back as null."""
    made = hubspot.create(email="ada@example.com", phone="1", city="Rome")
    answer = hubspot.api.patch(f"{CONTACTS}/{made}", json={"properties": {"phone": ""}}).json()
    assert set(answer["properties"]) == {"phone", "createdate", "hs_object_id", "lastmodifieddate"}
    assert answer["properties"]["phone"] == ""
    assert hubspot.api.get(f"{CONTACTS}/{made}?properties=phone").json()["properties"]["phone"] is None


def test_only_an_effective_write_moves_the_time(hubspot: RunningSimulator) -> None:
    """Writing the same value moves nothing and adds no version; writing another moves lastmodifieddate forward."""
    made = hubspot.create(phone="1")
    before = hubspot.control.contact(made)
    hubspot.api.patch(f"{CONTACTS}/{made}", json={"properties": {"phone": "1"}})
    assert hubspot.control.contact(made) == before
    times = [before["updatedAt"]]
    for number in range(2, 6):
        answer = hubspot.api.patch(f"{CONTACTS}/{made}", json={"properties": {"phone": str(number)}}).json()
        times.append(answer["properties"]["lastmodifieddate"])
    assert times == sorted(set(times))


def test_history_is_newest_first_with_its_author(hubspot: RunningSimulator) -> None:
    """A read with propertiesWithHistory lists versions newest first, with apps and people as sources."""
    made = hubspot.create(phone="1")
    hubspot.control.edit_contact(made, {"phone": "2"}, user_id=7)
    shown = hubspot.api.get(f"{CONTACTS}/{made}?propertiesWithHistory=phone").json()
    versions = shown["propertiesWithHistory"]["phone"]
    assert [one["value"] for one in versions] == ["2", "1"]
    assert (versions[0]["sourceType"], versions[0]["sourceId"]) == ("CRM_UI", "userId:7")
    assert (versions[1]["sourceType"], versions[1]["sourceId"]) == ("INTEGRATION", "39522895")
    assert versions[0]["timestamp"].endswith("Z")


def test_history_keeps_fifty_versions(hubspot: RunningSimulator) -> None:
    """Only the newest fifty versions of a property are kept."""
    made = hubspot.create(phone="0")
    for number in range(1, 60):
        hubspot.control.edit_contact(made, {"phone": str(number)})
    versions = hubspot.control.contact(made)["propertiesWithHistory"]["phone"]
    assert [one["value"] for one in versions] == [str(number) for number in range(59, 9, -1)]


def test_archive_and_restore(hubspot: RunningSimulator) -> None:
    """An archived contact reads as 404 unless archived ones are wanted, frees its e-mail, and can be restored."""
    made = hubspot.create(email="ada@example.com")
    assert hubspot.api.delete(f"{CONTACTS}/{made}").status_code == 204
    assert hubspot.api.delete(f"{CONTACTS}/{made}").status_code == 204
    missing = hubspot.api.get(f"{CONTACTS}/{made}")
    assert (missing.status_code, missing.json()["category"]) == (404, "OBJECT_NOT_FOUND")
    assert hubspot.api.get(f"{CONTACTS}/{made}?archived=True").json()["archivedAt"]
    hubspot.control.restore_contact(made)
    assert hubspot.api.get(f"{CONTACTS}/{made}").status_code == 200
    assert hubspot.api.get(f"{CONTACTS}/{made}?archived=true").status_code == 404


def test_lifecycle_stage_goes_forward_only(hubspot: RunningSimulator) -> None:
    """A step back of lifecyclestage is ignored until the property is cleared."""
    made = hubspot.create(firstname="Ada", lifecyclestage="customer")
    hubspot.control.edit_contact(made, {"lifecyclestage": "lead"})
    assert hubspot.control.contact(made)["properties"]["lifecyclestage"] == "customer"
    hubspot.control.edit_contact(made, {"lifecyclestage": ""})
    hubspot.control.edit_contact(made, {"lifecyclestage": "lead"})
    assert hubspot.control.contact(made)["properties"]["lifecyclestage"] == "lead"


def test_list_pages_by_id(hubspot: RunningSimulator) -> None:
    """The list pages in id order, `after` being the next contact's id; limits are 100, or 50 with history."""
    made = hubspot.control.create_contacts(25)
    seen: list[str] = []
    after: str | None = "0"
    while after:
        page = hubspot.api.get(CONTACTS, params={"limit": 10, "after": after}).json()
        seen += [one["id"] for one in page["results"]]
        after = page.get("paging", {}).get("next", {}).get("after")
        assert after is None or after in made
    assert seen == made
    assert hubspot.api.get(f"{CONTACTS}?limit=101").status_code == 400
    assert hubspot.api.get(f"{CONTACTS}?limit=51&propertiesWithHistory=email").status_code == 400


def test_gdpr_delete_leaves_nothing(hubspot: RunningSimulator) -> None:
    """A privacy deletion removes the contact for good; an e-mail without a contact is blocked instead."""
    made = hubspot.create(email="ada@example.com")
    hubspot.post("/gdpr-delete", {"objectId": "ada@example.com", "idProperty": "email"}, 204)
    assert hubspot.api.get(f"{CONTACTS}/{made}?archived=true").status_code == 404
    hubspot.post("/gdpr-delete", {"objectId": "bob@example.com", "idProperty": "email"}, 204)
    assert hubspot.post("", {"properties": {"email": "bob@example.com"}}, 400)["errors"][0]["code"] == "INVALID_EMAIL"


@pytest.mark.parametrize(
    "path", ["/crm/objects/2025-09/contacts", "/crm/objects/2026-03/0-1", "/crm/objects/2026-09/contact"]
)
def test_dated_paths_are_the_same_api(hubspot: RunningSimulator, path: str) -> None:
    """Dated versions and other names of the object type lead to the same contacts and are logged as v3."""
    made = hubspot.create(firstname="Ada")
    hubspot.control.reset_calls()
    assert hubspot.api.get(f"{path}/{made}").json()["id"] == made
    assert hubspot.control.calls() == {"GET /crm/v3/objects/contacts/{contactId}": 1}


def test_reads_can_lag_behind(hubspot: RunningSimulator) -> None:
    """With read_lag_seconds, reads show the state of that long ago, with the modified-at that belongs to it."""
    made = hubspot.create(phone="1")
    old = hubspot.control.contact(made)["updatedAt"]
    hubspot.control.set(read_lag_seconds=30)
    hubspot.control.advance(60)
    hubspot.api.patch(f"{CONTACTS}/{made}", json={"properties": {"phone": "2"}})
    body = {"inputs": [{"id": made}], "properties": ["phone"], "propertiesWithHistory": ["phone"]}
    stale = hubspot.post("/batch/read", body)["results"][0]
    assert (stale["properties"]["phone"], stale["updatedAt"]) == ("1", old)
    assert [one["value"] for one in stale["propertiesWithHistory"]["phone"]] == ["1"]
    assert hubspot.api.get(f"{CONTACTS}/{made}?properties=phone").json()["properties"]["phone"] == "1"
    hubspot.control.advance(31)
    assert hubspot.post("/batch/read", body)["results"][0]["properties"]["phone"] == "2"
