import asyncio
import json
from pathlib import Path

import pytest
from integration.gateway.harness import body_of, event, run_gateway, token, until
from leadsync.inbox.v1 import inbox_service_pb2 as inbox_pb
from webhook_gateway.resources.events import READ_AT_ONCE

pytestmark = pytest.mark.anyio

EVENTS = "/api/v1/events"
PAYLOADS = Path(__file__).parents[3] / "fixtures" / "webhooks" / "hubspot"


async def test_what_came_in_and_what_became_of_it() -> None:
    """A kept delivery is shown with its events in HubSpot's words, each with where the work on its record stands."""
    async with run_gateway() as gateway:
        changed = event(
            subscriptionType="contact.propertyChange", objectId=7, propertyName="firstname", propertyValue="Ann"
        )
        await gateway.post(body_of(changed, event(subscriptionType="company.creation", objectId=7)))
        work = inbox_pb.RecordWork(record_id="7", lead_id="lead", state="idle", outcome="skipped", reason="our_mark")
        work.decided_at.FromMilliseconds(1_782_371_970_000)
        gateway.store.inbox.work.append(work)
        page = (await gateway.call("GET", EVENTS, "viewer")).json()
        (delivery,) = page["events"]
        (key,) = gateway.store.inbox.kept
        assert (page["nextPageToken"], delivery["deliveryKey"]) == (None, key)
        assert (delivery["state"], delivery["reason"], delivery["integrationId"]) == ("routed", None, "i")
        assert delivery["receivedAt"].endswith("Z")
        first, second = delivery["events"]
        assert first == {
            "type": "contact.propertyChange",
            "objectType": "contact",
            "recordId": "7",
            "property": "firstname",
            "value": "Ann",
            "occurredAt": "2026-06-25T07:19:29.536000Z",
            "source": "INTEGRATION:39522895",
            "mergedRecordIds": [],
            "ignored": False,
            "work": {
                "state": "idle",
                "outcome": "skipped",
                "reason": "our_mark",
                "decidedAt": "2026-06-25T07:19:30Z",
                "leadId": "lead",
            },
        }
        assert (second["objectType"], second["ignored"], second["work"]) == ("company", True, None)
        assert (await gateway.call("GET", f"{EVENTS}/{key}", "viewer")).json() == delivery


async def test_every_recorded_payload_is_shown() -> None:
    """Whatever HubSpot really sends can be looked at later; a merge names the record that is left and those gone."""
    async with run_gateway() as gateway:
        for path in PAYLOADS.glob("*.json"):
            assert (await gateway.post(path.read_bytes())).status_code == 200
        shown = [item for kept in (await gateway.call("GET", EVENTS)).json()["events"] for item in kept["events"]]
        sent = [item for path in PAYLOADS.glob("*.json") for item in json.loads(path.read_bytes())]
        assert sorted(item["type"] for item in shown) == sorted(item["subscriptionType"] for item in sent)
        (merge,) = [item for item in shown if item["type"] == "contact.merge"]
        assert (merge["recordId"], merge["mergedRecordIds"]) == ("205", ["102"])


async def test_filters_reach_lead_store() -> None:
    """Every filter of the list is passed on; times are read with their zone, at both ends of what a time can be."""
    async with run_gateway() as gateway:
        query = {
            "integrationId": "i", "recordId": "7", "leadId": "l", "state": "ignored", "pageSize": "3", "pageToken": "t",
            "receivedAfter": "0001-01-01T00:00:00+12:00", "receivedBefore": "2026-06-25T09:19:30+02:00",
        }  # fmt: skip
        assert (await gateway.call("GET", EVENTS, params=query)).status_code == 200
        (asked,) = gateway.store.inbox.listed
        assert (asked.tenant_id, asked.integration_id, asked.record_id, asked.lead_id) == ("acme", "i", "7", "l")
        assert (asked.state, asked.page_size, asked.page_token) == (inbox_pb.DELIVERY_STATE_IGNORED, 3, "t")
        assert asked.received_before.ToMilliseconds() == 1_782_371_970_000
        assert asked.received_after.ToJsonString() == "0001-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("name", "value"), [("state", "gone"), ("receivedAfter", "yesterday"), ("receivedBefore", "2026-06-25T07:19:30")]
)
async def test_wrong_filters_are_named(name: str, value: str) -> None:
    """A filter with an impossible value is refused; a time needs its zone."""
    async with run_gateway() as gateway:
        response = await gateway.call("GET", EVENTS, params={name: value})
        assert (response.status_code, response.json()["errors"][0]["field"]) == (400, name)


async def test_another_tenants_delivery_does_not_exist() -> None:
    """A delivery is seen by its own tenant only, and one that was never kept by none."""
    async with run_gateway() as gateway:
        await gateway.post(body_of(event()))
        (key,) = gateway.store.inbox.kept
        stranger = {"authorization": f"Bearer {token(tenant='other')}"}
        for path, headers in ((f"{EVENTS}/{key}", stranger), (f"{EVENTS}/nope", {})):
            response = await gateway.call("GET", path, headers=headers)
            assert (response.status_code, response.json()["reason"]) == (404, "delivery_not_found")


async def test_events_that_cannot_be_read_hide_nothing_else() -> None:
    """A delivery of a CRM that is not known any more, or that is not readable, is listed without its events."""
    async with run_gateway() as gateway:
        await gateway.post(body_of(event()))
        await gateway.post(body_of(event(objectId=2)))
        gone, broken = gateway.store.inbox.kept.values()
        gone.provider, broken.events = "zoho", b"[{]"
        page = (await gateway.call("GET", EVENTS)).json()
        assert [kept["events"] for kept in page["events"]] == [[], []]


async def test_few_large_pages_are_read_at_once() -> None:
    """However many people list events, only some of the pages are in memory at a time, and all are answered."""
    async with run_gateway() as gateway:
        inbox = gateway.store.inbox
        inbox.list_gate.clear()
        calls = [asyncio.create_task(gateway.call("GET", EVENTS, "viewer")) for _ in range(READ_AT_ONCE * 4)]
        await until(lambda: inbox.listing[0] == READ_AT_ONCE)
        inbox.list_gate.set()
        assert {response.status_code for response in await asyncio.gather(*calls)} == {200}
        assert inbox.listing == [0, READ_AT_ONCE]
