"""Several accounts of one app, mappings, and requests that cannot be right."""

from collections.abc import Callable

import httpx
from e2e.harness import Json, Suite, body_of, eventually
from hubspot_simulator.client import ControlClient

SOON = 5.0
OTHER_PORTAL = 55555


def test_two_integrations_of_one_app_one_of_them_disabled(suite: Suite, person: Callable[[str], str]) -> None:
    """Deliveries of the disabled account are kept and ignored, the other one goes on, and both counts are exact."""
    suite.hubspot.add_portal(OTHER_PORTAL, app_id=39522895)
    token = suite.hubspot.add_token(app_id=39522895, portal_id=OTHER_PORTAL)
    body = {"provider": "hubspot", "accessToken": token, "direction": "from_crm"}
    other = body_of(suite.api.post("/crm-integration", json=body), 201)["id"]
    try:
        body_of(suite.api.post(f"/crm-integration/{other}/enable-webhooks"))
        body_of(suite.api.post(f"/crm-integration/{other}/disable-webhooks"))
        suite.wait_quiet()
        status = body_of(suite.api.get(f"/crm-integration/{suite.integration_id}/webhook-status"))
        assert all(subscription["active"] for subscription in status["subscriptions"])
        here, there = status["totalReceived"], body_of(suite.api.get(f"/crm-integration/{other}/webhook-status"))
        sent = suite.hubspot.delivery_counts()["events"]
        port = suite.background.environment["SIMULATOR_PORT"]
        ignored, synced = person("ignored"), person("synced")
        with ControlClient(f"http://127.0.0.1:{port}", portal_id=OTHER_PORTAL) as hubspot:
            hubspot.create_contact({"email": ignored, "firstname": "I"})
        suite.hubspot.create_contact({"email": synced, "firstname": "S"})
        eventually(lambda: suite.leads(synced), SOON, "the lead")
        suite.wait_quiet()
        assert suite.leads(ignored) == []
        now = body_of(suite.api.get(f"/crm-integration/{suite.integration_id}/webhook-status"))
        then = body_of(suite.api.get(f"/crm-integration/{other}/webhook-status"))
        counted = (now["totalReceived"] - here) + (then["totalReceived"] - there["totalReceived"])
        assert counted == suite.hubspot.delivery_counts()["events"] - sent
        assert (then["enabled"], then["totalReceived"] > there["totalReceived"]) == (False, True)
        events = body_of(suite.api.get("/events", params={"integrationId": other}))["events"]
        assert {(delivery["state"], delivery["reason"]) for delivery in events} == {("ignored", "webhooks_disabled")}
    finally:
        assert suite.api.delete(f"/crm-integration/{other}").status_code == 204


def test_a_mapping_is_checked_against_the_portal(suite: Suite) -> None:
    """An unknown or read-only property is refused with the field's path, and nothing changes."""
    path = f"/crm-integration/{suite.integration_id}"
    before = body_of(suite.api.get(path))
    for field, name in (("company", "no_such_property"), ("phone", "hs_object_id")):
        answer = suite.api.patch(path, json={"fieldMapping": before["fieldMapping"] | {field: name}})
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["field"] == f"fieldMapping.{field}"
    assert body_of(suite.api.get(path)) == before


def test_an_unknown_portal_is_kept_until_there_is_an_integration(suite: Suite) -> None:
    """Events of an account that nobody has connected are acknowledged and kept; no tenant sees them."""
    event: Json = {"eventId": 1, "subscriptionId": 1, "portalId": 99, "appId": 39522895, "occurredAt": 1782371970538}
    event |= {"subscriptionType": "contact.creation", "attemptNumber": 0, "objectId": 1}
    suite.hubspot.send_events([event])
    suite.hubspot.wait_idle(10)
    assert suite.hubspot.deliveries()[-1]["state"] == "delivered"
    assert body_of(suite.api.get("/events", params={"recordId": "1"}))["events"] == []


def test_each_bad_request_has_its_own_reason(suite: Suite) -> None:
    """Each wrong request gets a problem with its reason and the path of the field; nothing is stored."""
    wrong: list[tuple[httpx.Response, int, str]] = [
        (suite.api.post("/leads", content=b"{"), 400, "malformed_json"),
        (suite.api.post("/leads", json={"email": "no address"}), 400, "invalid_email"),
        (suite.api.post("/leads", json={"phone": "1"}), 400, "no_name"),
        (suite.api.post("/leads", json={"email": "a@example.com", "shoeSize": "9"}), 400, "invalid_field"),
        (suite.api.get("/leads", params={"emial": "a@example.com"}), 400, "invalid_field"),
        (suite.api.get("/leads/nobody"), 404, "lead_not_found"),
        (suite.api.get("/crm-integration/nobody"), 404, "integration_not_found"),
        (suite.api.post("/webhooks/nobody", content=b"[]"), 404, "unknown_provider"),
        (suite.api.post("/webhooks/hubspot", content=b"[]"), 401, "signature_missing"),
    ]
    for answer, status, reason in wrong:
        assert answer.headers["content-type"] == "application/problem+json"
        assert (answer.status_code, answer.json()["reason"]) == (status, reason), answer.text
