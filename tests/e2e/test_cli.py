"""Every command of the command line against real services. `up` is what all end-to-end tests run on."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from e2e.harness import Json, Suite, body_of, cli_json, eventually, leadsync

SOON = 5.0


@pytest.fixture
def pair(suite: Suite, person: Callable[[str], str]) -> tuple[str, str]:
    """Give a contact that a person made in HubSpot and the lead that it became: their ids."""
    email = person("pair")
    contact_id = suite.hubspot.create_contact({"email": email, "firstname": "Ada", "phone": "0"})
    (lead,) = eventually(lambda: suite.leads(email), SOON, "the lead")
    suite.wait_quiet()
    return contact_id, str(lead["id"])


@contextmanager
def flowing(suite: Suite, direction: str) -> Iterator[None]:
    """Have changes flow one way only for a while."""
    cli_json(suite, "integration", "update", "--direction", direction)
    try:
        yield
    finally:
        cli_json(suite, "integration", "update", "--direction", "bidirectional")


def lead_of(suite: Suite, lead_id: str) -> Json:
    """The lead as it is now."""
    return body_of(suite.api.get(f"/leads/{lead_id}"))


def test_leads_are_made_shown_changed_and_deleted(suite: Suite, person: Callable[[str], str]) -> None:
    """`leads` finds gateway and token by itself, and exits by the kind of a refusal."""
    email = person("cli")
    made = cli_json(suite, "leads", "create", "--email", email, "--custom", "tier=gold")
    suite.wait_quiet()
    etag = cli_json(suite, "leads", "get", made["id"])["etag"]
    changed = cli_json(suite, "leads", "update", made["id"], "--phone", "7", "--etag", etag)
    stale = leadsync(suite, "leads", "update", made["id"], "--phone", "8", "--etag", etag)

    assert email in leadsync(suite, "leads", "list", "--email", email.upper()).stdout
    assert (changed["phone"], changed["customFields"]) == ("7", {"tier": "gold"})
    assert (stale.returncode, "stale_etag" in stale.stderr) == (6, True)
    assert cli_json(suite, "leads", "delete", made["id"])["deleted"]
    assert leadsync(suite, "leads", "get", made["id"]).returncode == 5


def test_a_token_has_a_role(suite: Suite) -> None:
    """`token` makes a token that may do what its role may, and nothing else."""
    token = cli_json(suite, "token", "--role", "viewer")["token"]

    read = leadsync(suite, "leads", "list", "--token", token)
    write = leadsync(suite, "leads", "create", "--email", "a@example.com", "--token", token)

    assert read.returncode == 0, read.stderr
    assert (write.returncode, "role_too_low" in write.stderr) == (4, True)


def test_a_revoked_token_is_refused(suite: Suite) -> None:
    """`tokens revoke` finds the file of the suite, which has one from the start; other tokens still count."""
    made = cli_json(suite, "token", "--role", "viewer")
    assert cli_json(suite, "tokens", "revoke", made["id"])["ids"] == [made["id"]]

    def refused() -> bool:
        return "token_revoked" in leadsync(suite, "leads", "list", "--token", made["token"]).stderr

    eventually(refused, 60.0, "the refusal")
    assert leadsync(suite, "leads", "list").returncode == 0


def test_an_integration_is_shown_and_changed(suite: Suite) -> None:
    """The only integration needs no name: it is shown, and paused and resumed."""
    assert [one["id"] for one in cli_json(suite, "integration", "list")["integrations"]] == [suite.integration_id]
    assert cli_json(suite, "integration", "get")["id"] == suite.integration_id
    assert cli_json(suite, "integration", "update", "--paused")["paused"] is True
    assert cli_json(suite, "integration", "update", "--resumed")["paused"] is False


@pytest.mark.usefixtures("pair")
def test_the_doctor_finds_nothing_broken(suite: Suite) -> None:
    """A suite that works passes its own examination, check by check."""
    result = leadsync(suite, "doctor")
    found = cli_json(suite, "doctor")

    assert result.returncode == 0, result.stdout
    assert found["ok"]
    assert {"token", "scopes", "properties"} <= {check["name"] for check in found["checks"]}
    assert "✗" not in result.stdout
    assert "None" not in result.stdout


def test_fields_are_those_of_the_crm(suite: Suite) -> None:
    """The CRM's properties are listed with the lead fields they are mapped to."""
    fields = {field["property"]: field for field in cli_json(suite, "integration", "fields")["fields"]}

    assert (fields["email"]["mappedTo"], fields["jobtitle"]["mappedTo"]) == ("email", "jobTitle")
    assert "jobTitle" in leadsync(suite, "integration", "fields").stdout


def test_webhooks_are_switched_and_shown(suite: Suite) -> None:
    """Webhooks are disabled and enabled, and their status says so."""
    assert cli_json(suite, "webhooks", "disable")["enabled"] is False
    assert cli_json(suite, "webhooks", "enable")["enabled"] is True
    assert cli_json(suite, "webhooks", "status")["enabled"] is True


def test_a_project_file_declares_the_suites_own_webhooks(suite: Suite, tmp_path: Path) -> None:
    """The file for HubSpot's developer platform has the gateway's address and every mapped property."""
    file = cli_json(suite, "webhooks", "hubspot-project", "--out", str(tmp_path))["file"]
    config = json.loads(Path(file).read_text())["config"]
    mapped = set(cli_json(suite, "integration", "get")["fieldMapping"].values())

    assert config["settings"]["targetUrl"] == f"{suite.url}/api/v1/webhooks/hubspot"
    declared = config["subscriptions"]["crmObjects"]
    assert {one["propertyName"] for one in declared if "propertyName" in one} == mapped
    lifecycle = {one["subscriptionType"] for one in declared if "propertyName" not in one}
    assert lifecycle == {f"object.{name}" for name in ("creation", "deletion", "merge", "restore")}
    assert config["subscriptions"]["hubEvents"] == [{"subscriptionType": "contact.privacyDeletion", "active": True}]


def test_an_import_is_followed_until_all_is_there(suite: Suite, person: Callable[[str], str]) -> None:
    """Contacts that no webhook told about are leads once `import` has ended; `runs` shows it."""
    email = person("imported")
    cli_json(suite, "webhooks", "disable")
    suite.hubspot.create_contact({"email": email})
    suite.hubspot.wait_idle()
    cli_json(suite, "webhooks", "enable")

    run = cli_json(suite, "import")

    assert (run["kind"], run["state"]) == ("import", "succeeded")
    assert run["outcomes"]["created"] >= 1
    assert suite.leads(email)
    assert run["id"] in leadsync(suite, "runs", "list", "--kind", "import").stdout
    assert cli_json(suite, "runs", "get", run["id"])["state"] == "succeeded"
    assert cli_json(suite, "runs", "cancel", run["id"])["state"] == "succeeded"


def test_a_push_is_followed_to_its_end(suite: Suite, person: Callable[[str], str]) -> None:
    """`sync` writes leads to the CRM that were made while nothing flowed there."""
    email = person("pushed")
    with flowing(suite, "from_crm"):
        lead = cli_json(suite, "leads", "create", "--email", email)

    run = cli_json(suite, "sync", "--lead", lead["id"])
    started = cli_json(suite, "sync", "--all", "--no-wait")
    followed = leadsync(suite, "runs", "follow", started["runId"])

    assert (run["kind"], run["state"], run["done"]) == ("push", "succeeded", 1)
    assert suite.contacts(email)
    assert followed.returncode == 0, followed.stderr
    assert "succeeded" in followed.stdout


def test_events_tell_what_became_of_them(suite: Suite, pair: tuple[str, str]) -> None:
    """The events on a record are listed, each with the lead it concerns and the last decision on it."""
    contact_id, lead_id = pair

    page = cli_json(suite, "events", "--record", contact_id, "--state", "routed", "--after", "2020-01-01")
    rows = leadsync(suite, "events", "--lead", lead_id).stdout

    shown = [event for one in page["events"] for event in one["events"] if event["recordId"] == contact_id]
    assert "contact.creation" in {event["type"] for event in shown}
    assert {event["work"]["leadId"] for event in shown} == {lead_id}
    assert "contact.creation" in rows
    assert cli_json(suite, "events", "--record", contact_id, "--before", "2020-01-01")["events"] == []


@pytest.mark.parametrize("generic", [(), ("--generic",)], ids=["classic", "generic"])
def test_hand_made_events_are_believed_and_worked_on(
    suite: Suite, pair: tuple[str, str], generic: tuple[str, ...]
) -> None:
    """`send` posts events that the gateway takes for HubSpot's own, and repeats of a file are duplicates."""
    contact_id, _ = pair
    events = ("contact.restore", "contact.propertyChange")
    options = ("--object-id", contact_id, "--property", "phone", "--value", "0", "--source", "CRM_UI:userId:7")

    kept = cli_json(suite, "send", *events, *options, *generic)

    assert kept == {"accepted": 2, "duplicates": 0}
    noun = "object" if generic else "contact"
    suite.wait_quiet()
    page = cli_json(suite, "events", "--record", contact_id)
    names = [event["type"] for one in page["events"] for event in one["events"]]
    assert {f"{noun}.restore", f"{noun}.propertyChange"} <= set(names)


def test_a_file_of_events_is_kept_once(suite: Suite, tmp_path: Path) -> None:
    """A file that is sent twice is kept once; with another secret it is not believed."""
    event: Json = {
        "eventId": 1,
        "subscriptionId": 1,
        "portalId": 48975575,
        "appId": 39522895,
        "occurredAt": 1782371970538,
    }
    event |= {"attemptNumber": 0, "objectId": 123, "changeSource": "CRM"}
    path = tmp_path / "events.json"
    path.write_text(json.dumps([event | {"subscriptionType": "contact.creation", "changeFlag": "NEW"}]))

    first, second = (cli_json(suite, "send", "--file", str(path)) for _ in range(2))
    wrong = leadsync(suite, "send", "--file", str(path), LEADSYNC_SIMULATOR="off", HUBSPOT_CLIENT_SECRET="wrong")

    assert (first, second) == ({"accepted": 1, "duplicates": 0}, {"accepted": 0, "duplicates": 1})
    assert (wrong.returncode, "signature_invalid" in wrong.stderr) == (4, True)


def test_failed_work_is_listed_and_redriven(suite: Suite, person: Callable[[str], str]) -> None:
    """Work that fails is counted, listed with its reason, and made due again, only some of it if so wished."""
    email = person("twins")
    with flowing(suite, "from_crm"):
        twins = [cli_json(suite, "leads", "create", "--email", email, "--first-name", name) for name in ("One", "Two")]
        contact_id = suite.hubspot.create_contact({"email": email})
        suite.wait_quiet()

        all_failed = cli_json(suite, "work", "list", "--state", "failed")["work"]
        (failed,) = [one for one in all_failed if one["recordId"] == contact_id]

        assert failed["reason"] == "ambiguous_match"
        assert cli_json(suite, "sync-status")["failedWork"] >= 1
        assert contact_id in leadsync(suite, "work", "list").stdout
        assert cli_json(suite, "redrive", "--reason", "no_such_reason") == {"queued": 0}
        assert cli_json(suite, "redrive", "--work-item", failed["id"]) == {"queued": 1}
        suite.wait_quiet()
        cli_json(suite, "leads", "delete", twins[0]["id"])
        assert cli_json(suite, "redrive", "--reason", "ambiguous_match")["queued"] >= 1
        suite.wait_quiet()
        assert lead_of(suite, twins[1]["id"])["links"][0]["recordId"] == contact_id


def test_a_person_picks_the_lead_of_a_contact(suite: Suite, person: Callable[[str], str]) -> None:
    """A contact that shares a further e-mail with two leads waits, and is linked to the one that is picked."""
    home, work = person("home"), person("work")
    with flowing(suite, "from_crm"):
        twins = [cli_json(suite, "leads", "create", "--email", home, "--first-name", name) for name in ("One", "Two")]
        contact_id = suite.hubspot.create_contact({"email": work, "hs_additional_emails": home.upper()})
        suite.wait_quiet()

        (match,) = [one for one in cli_json(suite, "matches")["matches"] if one["recordId"] == contact_id]
        cli_json(suite, "matches", "pick", contact_id, "--lead", twins[1]["id"])
        suite.wait_quiet()

        assert {one["leadId"]: one["keys"] for one in match["candidates"]} == {twin["id"]: ["email"] for twin in twins}
        assert lead_of(suite, twins[1]["id"])["links"][0]["recordId"] == contact_id
        assert contact_id not in leadsync(suite, "matches").stdout


def test_why_tells_where_a_value_came_from(suite: Suite, pair: tuple[str, str]) -> None:
    """Every change of a value is explained: who made it, on which side, and what it replaced."""
    contact_id, lead_id = pair
    suite.hubspot.edit_contact(contact_id, {"firstname": "Augusta"})
    eventually(lambda: lead_of(suite, lead_id)["firstName"] == "Augusta", SOON, "the edit")
    cli_json(suite, "leads", "update", lead_id, "--phone", "1")

    text = leadsync(suite, "why", lead_id).stdout
    page = cli_json(suite, "why", lead_id, "firstName")

    assert 'firstName on the platform became "Augusta", it was "Ada", from the CRM' in text
    assert 'phone on the platform became "1", it was "0"' in text
    assert {field["field"] for one in page["explanations"] for field in one["fields"]} >= {"firstName"}


@pytest.fixture
def asking(suite: Suite) -> Iterator[None]:
    """Have the rule of the phone be to ask, and nothing flow until a test says so."""
    rules = {"phone": {"rule": "ask", "blank": "keep"}}
    body_of(suite.api.patch(f"/crm-integration/{suite.integration_id}", json={"fieldRules": rules}))
    suite.wait_quiet()
    yield
    body_of(suite.api.patch(f"/crm-integration/{suite.integration_id}", json={"fieldRules": {}}))
    suite.wait_quiet()


def disagree(suite: Suite, contact_id: str, lead_id: str, ours: str, theirs: str) -> None:
    """Have both sides change the phone of a pair at once."""
    cli_json(suite, "integration", "update", "--paused")
    cli_json(suite, "leads", "update", lead_id, "--phone", ours)
    suite.hubspot.edit_contact(contact_id, {"phone": theirs})
    cli_json(suite, "integration", "update", "--resumed")
    eventually(lambda: cli_json(suite, "conflicts", "list", "--lead", lead_id)["conflicts"], 10, "the conflict")


def phones(suite: Suite, contact_id: str, lead_id: str) -> tuple[str, str]:
    """The phone on both sides."""
    return lead_of(suite, lead_id)["phone"], suite.hubspot.contact(contact_id)["properties"]["phone"]


@pytest.mark.usefixtures("asking")
def test_a_conflict_is_decided_and_taken_back(suite: Suite, pair: tuple[str, str]) -> None:
    """`take` and `set` put one value on both sides; `undo` puts the lead's back."""
    contact_id, lead_id = pair
    disagree(suite, contact_id, lead_id, "1", "2")

    decision = cli_json(suite, "conflicts", "take", lead_id, "phone", "crm")["decisionId"]
    suite.wait_quiet()
    assert phones(suite, contact_id, lead_id) == ("2", "2")
    assert leadsync(suite, "conflicts", "take", lead_id, "phone", "crm").returncode == 5
    assert cli_json(suite, "conflicts", "undo", decision) == {"leadId": lead_id}
    suite.wait_quiet()
    assert phones(suite, contact_id, lead_id) == ("1", "1")
    disagree(suite, contact_id, lead_id, "3", "4")
    text = leadsync(suite, "conflicts", "set", lead_id, "phone", "5").stdout
    suite.wait_quiet()
    assert '"3"' in text
    assert phones(suite, contact_id, lead_id) == ("5", "5")


@pytest.mark.usefixtures("asking")
def test_all_conflicts_of_a_field_are_decided_at_once(suite: Suite, pair: tuple[str, str]) -> None:
    """`take-all` takes one side's value wherever the field waits."""
    contact_id, lead_id = pair
    disagree(suite, contact_id, lead_id, "1", "2")

    assert cli_json(suite, "conflicts", "take-all", "phone", "platform", "--yes")["resolved"] >= 1
    suite.wait_quiet()
    assert phones(suite, contact_id, lead_id) == ("1", "1")


def test_the_demo_is_green(suite: Suite) -> None:
    """`demo` plays all four scenarios on the running suite, and every check passes."""
    found = cli_json(suite, "demo")

    assert found["passed"]
    titles = [check["scenario"] for check in found["checks"]]
    assert [title[:6] for title in dict.fromkeys(titles)] == ["Test 1", "Test 2", "Test 3", "Test 4"]
