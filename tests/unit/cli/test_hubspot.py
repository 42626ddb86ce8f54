"""HubSpot's formats: signed events made by hand, and the webhook file of a project."""

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from leadsync_cli.hubspot.events import Origin, Subject, make_event
from leadsync_cli.hubspot.project import webhooks_file
from unit.cli.canned import Asked, CannedGateway, Json
from webhook_gateway.problem import NotVerifiedError
from webhook_gateway.providers.hubspot.signatures import SignedRequest, parse_secrets, verify
from webhook_gateway.providers.hubspot.touches import parse

Run = Callable[..., subprocess.CompletedProcess[str]]

DOOR = "/webhooks/hubspot"
REAL = {"LEADSYNC_SIMULATOR": "off", "HUBSPOT_CLIENT_SECRET": "7:own,other"}
ORIGIN = Origin(portal_id=48, app_id=7, at_ms=1782371969536, source="CRM_UI", source_id="userId:9", generic=False)
MAPPING = {"email": "email", "jobTitle": "jobtitle"}
EVENTS = ["contact.creation", "contact.deletion", "contact.merge", "contact.restore"]


def believed(asked: Asked, secret: str, address: str, *, v1: bool = False) -> bool:
    """Say whether the gateway would believe a request that was signed for this address."""
    headers = [(name.encode(), value.encode()) for name, value in asked.headers.items()]
    if v1:
        headers = [(name, value) for name, value in headers if name != b"x-hubspot-signature-v3"]
    url = f"{address}/api/v1{DOOR}".encode()
    request = SignedRequest(b"POST", url, headers, asked.raw)
    try:
        verify(request, parse_secrets(secret), now_ms=int(time.time() * 1000), allow_v1=v1)
    except NotVerifiedError:
        return False
    return True


@pytest.fixture
def door(gateway: CannedGateway) -> CannedGateway:
    """Give a gateway that takes webhooks."""
    gateway.on("POST", DOOR, 200, {"accepted": 1, "duplicates": 0})
    return gateway


def test_an_event_is_signed_as_the_simulator_signs(door: CannedGateway, leadsync: Run) -> None:
    """Without any setting, events are of the simulator's account and app, signed v3 and v1 with its secret."""
    result = leadsync("send", "contact.creation", "--object-id", "5", "--json")

    assert json.loads(result.stdout) == {"accepted": 1, "duplicates": 0}
    (asked,) = door.asked
    assert believed(asked, "simulator-secret", door.url)
    assert believed(asked, "simulator-secret", door.url, v1=True)
    assert not believed(asked, "another-secret", door.url)
    (event,) = asked.sent
    assert (event["portalId"], event["appId"], event["objectId"]) == (48975575, 39522895, 5)
    assert "authorization" not in asked.headers


def test_a_real_app_signs_with_its_own_secret_over_the_public_address(door: CannedGateway, leadsync: Run) -> None:
    """The app's entry of HUBSPOT_CLIENT_SECRET signs, over API_URL; another app has the secret of none."""
    public = "https://leads.example.com"
    arguments = ("send", "contact.deletion", "--object-id", "5", "--portal", "48")
    own = leadsync(*arguments, "--app", "7", API_URL=public, **REAL)
    leadsync(*arguments, "--app", "8", API_URL=public, **REAL)

    assert own.returncode == 0, own.stderr
    assert believed(door.asked[0], "own", public)
    assert believed(door.asked[1], "other", public)
    assert "own" not in own.stdout + own.stderr


def test_several_events_go_in_one_request(door: CannedGateway, leadsync: Run) -> None:
    """All events that are named make one array, generic ones where asked for."""
    names = ("contact.propertyChange", "contact.privacyDeletion")

    leadsync("send", *names, "--object-id", "5", "--property", "phone", "--value", "1", "--generic")

    (asked,) = door.asked
    assert [event["subscriptionType"] for event in asked.sent] == ["object.propertyChange", "contact.privacyDeletion"]


def test_a_file_is_sent_byte_for_byte(door: CannedGateway, leadsync: Run, tmp_path: Path) -> None:
    """A file of events is signed and sent as it is."""
    path = tmp_path / "events.json"
    path.write_bytes(b'[ {"portalId": 1,\n "subscriptionType":"contact.creation","objectId":9} ]\n')

    result = leadsync("send", "--file", str(path))

    assert result.returncode == 0, result.stderr
    assert door.asked[0].raw == path.read_bytes()
    assert believed(door.asked[0], "simulator-secret", door.url)


@pytest.mark.parametrize(
    ("arguments", "environment", "complaint"),
    [
        (("contact.creation",), {}, "invalid_event: contact.creation needs --object-id"),
        (("contact.renamed", "--object-id", "5"), {}, "invalid_event: contact.renamed is no event"),
        (("contact.merge", "--object-id", "5"), {}, "invalid_event: merge needs --merged"),
        (("contact.propertyChange", "--object-id", "5"), {}, "invalid_event: propertyChange needs --property"),
        ((), {}, "no_events: Give events"),
        (("--file", "/nowhere.json"), {}, "cannot_read: /nowhere.json"),
        (("contact.creation", "--object-id", "5"), REAL, "no_portal: Give the account"),
        (("contact.creation", "--object-id", "5"), {"LEADSYNC_SIMULATOR": "off"}, "no_client_secret: HUBSPOT_CLIENT"),
    ],
)
def test_what_is_missing_is_told_before_anything_is_sent(
    door: CannedGateway, leadsync: Run, arguments: tuple[str, ...], environment: dict[str, str], complaint: str
) -> None:
    """Each kind of event says what it needs; nothing half-made is sent."""
    result = leadsync("send", *arguments, **environment)

    assert (result.returncode, door.asked) == (2, [])
    assert complaint in result.stderr


def test_a_signature_that_is_not_believed_says_what_to_check(gateway: CannedGateway, leadsync: Run) -> None:
    """A gateway with another secret or address refuses; the hint names both."""
    gateway.on("POST", DOOR, 401, {"reason": "signature_invalid", "detail": "not signed with our secret"})

    result = leadsync("send", "contact.creation", "--object-id", "5")

    assert result.returncode == 4
    assert "HUBSPOT_CLIENT_SECRET and API_URL" in result.stderr


@pytest.mark.parametrize("generic", [False, True])
def test_every_event_means_to_the_gateway_what_it_says(generic: bool) -> None:
    """The gateway's own translation understands each kind, classic and generic."""
    origin = Origin(48, 7, 1782371969536, "CRM_UI", "userId:9", generic)
    subject = Subject(5, "phone", "1", merged_ids=[6], new_id=8)
    kinds: dict[str, set[tuple[str, str]]] = {}
    for action in ("creation", "propertyChange", "deletion", "restore", "privacyDeletion", "merge"):
        body = json.dumps([make_event(f"contact.{action}", subject, origin, 1)]).encode()
        (delivery,) = parse(body, frozenset())
        kinds[action] = {(touch.record_id, touch.kind.name) for touch in delivery.touches}

    assert kinds == {
        "creation": {("5", "CREATED")},
        "propertyChange": {("5", "CHANGED")},
        "deletion": {("5", "DELETED")},
        "restore": {("5", "RESTORED")},
        "privacyDeletion": {("5", "ERASED")},
        "merge": {("5", "MERGED"), ("6", "MERGED"), ("8", "CHANGED")},
    }


def test_an_event_looks_like_a_recorded_one() -> None:
    """Fields, spelling and order of a property change are those that HubSpot sends."""
    event = make_event("contact.propertyChange", Subject(5, "firstname", "Maton"), ORIGIN, 2572854942)

    assert json.dumps(event, separators=(",", ":")) == (
        '{"eventId":2572854942,"subscriptionId":1,"portalId":48,"appId":7,"occurredAt":1782371969536,'
        '"subscriptionType":"contact.propertyChange","attemptNumber":0,"objectId":5,"propertyName":"firstname",'
        '"propertyValue":"Maton","changeSource":"CRM_UI","sourceId":"userId:9"}'
    )


def test_a_project_file_declares_what_the_integration_wants(
    gateway: CannedGateway, leadsync: Run, tmp_path: Path
) -> None:
    """The file holds address, lifecycle events, one change per mapped property, and the privacy deletion."""
    wanted = [*EVENTS, "contact.privacyDeletion", "contact.propertyChange"]
    url = "https://leads.example.com/api/v1/webhooks/hubspot"
    gateway.with_one_integration()
    gateway.on("GET", "/crm-integration/only", 200, {"id": "only", "fieldMapping": MAPPING})
    gateway.on("GET", "/crm-integration/only/webhook-status", 200, {"url": url, "events": wanted, "enabled": True})

    result = leadsync("webhooks", "hubspot-project", "--out", str(tmp_path), "--json")

    path = tmp_path / "src/app/webhooks/webhooks-hsmeta.json"
    assert json.loads(result.stdout) == {"file": str(path), "url": url, "next": "hs project upload"}
    content: Json = json.loads(path.read_text())
    config = content["config"]
    assert (content["uid"], content["type"]) == ("webhooks", "webhooks")
    assert config["settings"] == {"targetUrl": url, "maxConcurrentRequests": 10}
    told = [(one["subscriptionType"], one.get("propertyName")) for one in config["subscriptions"]["crmObjects"]]
    lifecycle = [(f"object.{name}", None) for name in ("creation", "deletion", "merge", "restore")]
    assert told == [*lifecycle, ("object.propertyChange", "email"), ("object.propertyChange", "jobtitle")]
    assert {one["objectType"] for one in config["subscriptions"]["crmObjects"]} == {"contact"}
    assert config["subscriptions"]["hubEvents"] == [{"subscriptionType": "contact.privacyDeletion", "active": True}]


def test_what_is_not_wanted_is_not_declared() -> None:
    """Without a wanted change event no property is declared, and without a privacy deletion no hub event."""
    subscriptions = webhooks_file("https://x", EVENTS, ["email"])["config"]["subscriptions"]

    assert {one["subscriptionType"] for one in subscriptions["crmObjects"]} == {
        "object.creation",
        "object.deletion",
        "object.merge",
        "object.restore",
    }
    assert "hubEvents" not in subscriptions
