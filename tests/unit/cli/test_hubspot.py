"""HubSpot's formats: signed events made by hand, and the webhook file of a project."""

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from leadsync_cli.crms.hubspot.events import Origin, Subject, make_event
from leadsync_cli.crms.hubspot.project import webhooks_file
from unit.cli.fake_gateway import FakeGateway, Json, SentRequest
from webhook_gateway.problem import NotVerifiedError
from webhook_gateway.providers.hubspot.signatures import SignedRequest, parse_secrets, verify
from webhook_gateway.providers.hubspot.touches import parse

Run = Callable[..., subprocess.CompletedProcess[str]]

DOOR = "/webhooks/hubspot"
REAL = {"LEADSYNC_SIMULATOR": "off", "HUBSPOT_CLIENT_SECRET": "7:own,other"}
ORIGIN = Origin(portal_id=48, app_id=7, at_ms=1782371969536, source="CRM_UI", source_id="userId:9", generic=False)
MAPPING = {"email": "email", "jobTitle": "jobtitle"}
EVENTS = ["contact.creation", "contact.deletion", "contact.merge", "contact.restore"]


def verified(sent: SentRequest, secret: str, address: str, *, v1: bool = False) -> bool:
    """Return whether the gateway accepts the signature of a request to this address."""
    headers = [(name.encode(), value.encode()) for name, value in sent.headers.items()]
    if v1:
        headers = [(name, value) for name, value in headers if name != b"x-hubspot-signature-v3"]
    url = f"{address}/api/v1{DOOR}".encode()
    request = SignedRequest(b"POST", url, headers, sent.raw)
    try:
        verify(request, parse_secrets(secret), now_ms=int(time.time() * 1000), allow_v1=v1)
    except NotVerifiedError:
        return False
    return True


@pytest.fixture
def door(gateway: FakeGateway) -> FakeGateway:
    """A gateway that accepts webhooks."""
    gateway.on("POST", DOOR, 200, {"accepted": 1, "duplicates": 0})
    return gateway


def test_an_event_is_signed_as_the_simulator_signs(door: FakeGateway, leadsync: Run) -> None:
    """Without any setting, events are of the simulator's account and app, signed v3 and v1 with its secret."""
    result = leadsync("send", "contact.creation", "--object-id", "5", "--json")

    assert json.loads(result.stdout) == {"accepted": 1, "duplicates": 0}
    (request,) = door.requests
    assert verified(request, "simulator-secret", door.url)
    assert verified(request, "simulator-secret", door.url, v1=True)
    assert not verified(request, "another-secret", door.url)
    (event,) = request.sent
    assert (event["portalId"], event["appId"], event["objectId"]) == (48975575, 39522895, 5)
    assert "authorization" not in request.headers


def test_a_real_app_signs_with_its_own_secret_over_the_public_address(door: FakeGateway, leadsync: Run) -> None:
    """An app signs with its entry of HUBSPOT_CLIENT_SECRET, over API_URL; other apps use the entry without an app."""
    public = "https://leads.example.com"
    arguments = ("send", "contact.deletion", "--object-id", "5", "--portal", "48")
    own = leadsync(*arguments, "--app", "7", API_URL=public, **REAL)
    leadsync(*arguments, "--app", "8", API_URL=public, **REAL)

    assert own.returncode == 0, own.stderr
    assert verified(door.requests[0], "own", public)
    assert verified(door.requests[1], "other", public)
    assert "own" not in own.stdout + own.stderr


def test_several_events_go_in_one_request(door: FakeGateway, leadsync: Run) -> None:
    """All named events are sent in one array, in generic form if wanted."""
    names = ("contact.propertyChange", "contact.privacyDeletion")

    leadsync("send", *names, "--object-id", "5", "--property", "phone", "--value", "1", "--generic")

    (request,) = door.requests
    assert [event["subscriptionType"] for event in request.sent] == ["object.propertyChange", "contact.privacyDeletion"]


def test_a_file_is_sent_byte_for_byte(door: FakeGateway, leadsync: Run, tmp_path: Path) -> None:
    """A file of events is signed and sent unchanged."""
    path = tmp_path / "events.json"
    path.write_bytes(b'[ {"portalId": 1,\n "subscriptionType":"contact.creation","objectId":9} ]\n')

    result = leadsync("send", "--file", str(path))

    assert result.returncode == 0, result.stderr
    assert door.requests[0].raw == path.read_bytes()
    assert verified(door.requests[0], "simulator-secret", door.url)


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
def test_missing_facts_are_reported_before_anything_is_sent(
    door: FakeGateway, leadsync: Run, arguments: tuple[str, ...], environment: dict[str, str], complaint: str
) -> None:
    """Each kind of event reports what it needs; no incomplete event is sent."""
    result = leadsync("send", *arguments, **environment)

    assert (result.returncode, door.requests) == (2, [])
    assert complaint in result.stderr


def test_a_refused_signature_says_what_to_check(gateway: FakeGateway, leadsync: Run) -> None:
    """A gateway with another secret or address refuses; the hint names both."""
    gateway.on("POST", DOOR, 401, {"reason": "signature_invalid", "detail": "not signed with our secret"})

    result = leadsync("send", "contact.creation", "--object-id", "5")

    assert result.returncode == 4
    assert "HUBSPOT_CLIENT_SECRET and API_URL" in result.stderr


@pytest.mark.parametrize("generic", [False, True])
def test_the_gateway_understands_every_event(generic: bool) -> None:
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
    gateway: FakeGateway, leadsync: Run, tmp_path: Path
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


def test_unwanted_events_are_not_declared() -> None:
    """Without a wanted change event no property is declared, and without a privacy deletion no hub event."""
    subscriptions = webhooks_file("https://x", EVENTS, ["email"])["config"]["subscriptions"]

    assert {one["subscriptionType"] for one in subscriptions["crmObjects"]} == {
        "object.creation",
        "object.deletion",
        "object.merge",
        "object.restore",
    }
    assert "hubEvents" not in subscriptions
