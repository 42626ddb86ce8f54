import asyncio
import threading
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import lead_store.bootstrap
import lead_store.settings
import pymongo
import pytest
from integration.gateway.harness import (
    HOOK,
    SECRET,
    RunningGateway,
    body_of,
    event,
    now_ms,
    run_gateway,
    sign,
    token,
    until,
)
from leadsync.inbox.v1 import inbox_service_pb2 as inbox_pb
from webhook_gateway.ingest.admission import MIB
from webhook_gateway.ingest.quarantine import QuarantineLimits

pytestmark = pytest.mark.anyio

STATUS, AGAIN = "/api/v1/events/quarantine", "/api/v1/events/verify-again"


class Kept:
    """A real lead-store: where it listens, and what lies in its inbox."""

    def __init__(self, port: int, deliveries: Any) -> None:
        self.url = f"127.0.0.1:{port}"
        self._deliveries = deliveries

    def accounts(self) -> list[str]:
        """Accounts of the deliveries that were kept, sorted."""
        return sorted(item["account_id"] for item in self._deliveries.find())


@pytest.fixture
def store(mongo_url: str) -> Iterator[Kept]:
    """A lead-store with a database of its own."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    settings = lead_store.settings.Settings(mongo_url=mongo_url, identity_key=b"k" * 32, database=name, port=0)
    client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(mongo_url)
    with client, lead_store.bootstrap.run(settings, threading.Event()) as port:
        yield Kept(port, client[name].deliveries)
        client.drop_database(name)


async def _status(gateway: RunningGateway) -> dict[str, int]:
    answer = (await gateway.call("GET", STATUS)).json()
    assert answer["requests"] == sum(count["requests"] for count in answer["counts"])
    return {count["reason"]: count["requests"] for count in answer["counts"]}


async def _again(gateway: RunningGateway) -> dict[str, int]:
    response = await gateway.call("POST", AGAIN)
    assert response.status_code == 200
    found: dict[str, int] = response.json()
    return found


async def _until_quarantined(gateway: RunningGateway, **counts: int) -> None:
    async def holds() -> bool:
        return await _status(gateway) == counts

    await until(holds)


async def test_a_wrong_secret_loses_nothing(store: Kept) -> None:
    """Events that came while the secret was wrong are kept once it is mended; a forged one stays refused."""
    async with run_gateway(LEAD_STORE_URL=store.url, HUBSPOT_CLIENT_SECRET="wrong") as gateway:
        assert (await gateway.call("GET", STATUS)).json() == {"requests": 0, "oldestReceivedAt": None, "counts": []}
        for portal in (1, 2):
            assert (await gateway.post(body_of(event(portalId=portal)))).status_code == 401
        forged = body_of(event(portalId=3))
        assert (await gateway.post(forged, sign(forged, secret="forger"))).status_code == 401
        assert (await gateway.post(forged, {})).status_code == 401  # without a signature it can never be verified
        await _until_quarantined(gateway, signature_invalid=3)
        assert await _again(gateway) == {"verified": 0, "stillRefused": 3, "left": 0}
        assert gateway.metric("leadsync_gateway_quarantine_total", outcome="kept") == 3
    async with run_gateway(LEAD_STORE_URL=store.url) as gateway:
        status = await gateway.call("GET", STATUS)
        assert {"portalId", "creation"}.isdisjoint(status.text.split('"'))  # never what is in them
        results = await asyncio.gather(_again(gateway), _again(gateway))  # twice at once does no harm
        assert {(result["stillRefused"], result["left"]) for result in results} == {(1, 0)}
        assert max(result["verified"] for result in results) == 2
        assert store.accounts() == ["1", "2"]
        assert await _again(gateway) == {"verified": 0, "stillRefused": 1, "left": 0}
        assert await _status(gateway) == {"signature_invalid": 1}
        again = await gateway.post(body_of(event(portalId=1)))
        assert again.json() == {"accepted": 0, "duplicates": 1}  # HubSpot's own repetition is known


async def test_a_wrong_address_or_no_secret_loses_nothing(store: Kept) -> None:
    """What came while API_URL was wrong, the app was another, or no secret was there is kept later as well."""
    async with run_gateway(LEAD_STORE_URL=store.url, API_URL="http://wrong.example.com") as gateway:
        assert (await gateway.post(body_of(event(portalId=1)))).status_code == 401
        await _until_quarantined(gateway, signature_invalid=1)
    async with run_gateway(LEAD_STORE_URL=store.url, HUBSPOT_CLIENT_SECRET="") as gateway:
        response = await gateway.post(body_of(event(portalId=2)))
        assert (response.status_code, response.json()["reason"]) == (503, "webhooks_not_configured")
        await _until_quarantined(gateway, signature_invalid=1, webhooks_not_configured=1)
        assert await _again(gateway) == {"verified": 0, "stillRefused": 2, "left": 0}
    async with run_gateway(LEAD_STORE_URL=store.url, HUBSPOT_CLIENT_SECRET=f"7:{SECRET}") as gateway:
        assert (await gateway.post(body_of(event(portalId=3)))).json()["reason"] == "app_mismatch"
    async with run_gateway(LEAD_STORE_URL=store.url) as gateway:
        await _until_quarantined(gateway, app_mismatch=1, signature_invalid=1, webhooks_not_configured=1)
        assert await _again(gateway) == {"verified": 3, "stillRefused": 0, "left": 0}
        assert store.accounts() == ["1", "2", "3"]
        assert await _status(gateway) == {}


def _waiting(at: int, received_at: int, **changes: Any) -> inbox_pb.QuarantinedRequest:
    body = body_of(event(**changes))
    item = inbox_pb.QuarantinedRequest(
        request_key=uuid.uuid4().hex, provider="hubspot", target=HOOK, body=body, reason="signature_invalid"
    )
    item.headers.update(sign(body, at=at))
    item.received_at.FromMilliseconds(received_at)
    return item


async def test_time_stamps_are_judged_by_the_arrival() -> None:
    """A request that was fresh when it came is accepted an hour later; one that was stale then is not."""
    async with run_gateway() as gateway:
        hour_ago = now_ms() - 3_600_000
        fresh, stale = _waiting(hour_ago, hour_ago, portalId=1), _waiting(hour_ago, now_ms(), portalId=2)
        gateway.store.inbox.quarantine = {item.request_key: item for item in (fresh, stale)}
        assert await _again(gateway) == {"verified": 1, "stillRefused": 1, "left": 0}
        (kept,) = gateway.store.inbox.kept.values()
        assert (kept.account_id, kept.received_at.ToMilliseconds()) == ("1", hour_ago)
        assert list(gateway.store.inbox.quarantine) == [stale.request_key]


async def test_nothing_is_forgotten_before_it_is_kept() -> None:
    """When the store goes away half-way, what was kept may be kept again, as a duplicate; nothing is lost."""
    async with run_gateway() as gateway:
        inbox = gateway.store.inbox
        inbox.quarantine = {item.request_key: item for item in (_waiting(now_ms(), now_ms()),)}
        inbox.forgets = False
        assert (await gateway.call("POST", AGAIN)).status_code == 503
        assert (len(inbox.kept), len(inbox.quarantine)) == (1, 1)
        inbox.forgets = True
        assert await _again(gateway) == {"verified": 1, "stillRefused": 0, "left": 0}
        assert (len(inbox.kept), len(inbox.quarantine)) == (1, 0)


async def test_what_cannot_be_kept_now_is_left() -> None:
    """While the inbox refuses a delivery, its request stays where it is, and so do those behind it."""
    async with run_gateway() as gateway:
        inbox = gateway.store.inbox
        items = [_waiting(now_ms(), now_ms(), portalId=portal) for portal in (666, 1)]
        inbox.quarantine = {str(number): item for number, item in enumerate(items)}
        inbox.refuse = {"666"}
        assert await _again(gateway) == {"verified": 0, "stillRefused": 0, "left": 2}
        assert len(inbox.quarantine) == 2


async def _bad(gateway: RunningGateway, number: int) -> httpx.Response:
    body = body_of(event(objectId=number))
    return await gateway.post(body, sign(body, secret="forger"))


async def test_a_flood_of_bad_requests_does_not_delay_good_ones() -> None:
    """While the quarantine hangs, bad requests are refused and good ones kept; what does not fit is dropped."""
    async with run_gateway() as gateway:
        gateway.store.inbox.quarantine_gate.clear()
        bodies = [
            body_of(event(objectId=number, padding="x" * MIB)) for number in range(QuarantineLimits().bytes // MIB + 4)
        ]
        for body in bodies:
            assert (await gateway.post(body, sign(body, secret="forger"))).status_code == 401
        assert (await gateway.post(body_of(event()))).status_code == 200
        assert _quarantine_count(gateway, "queue_full") == 5
        assert gateway.metric("leadsync_gateway_intake_requests") == 0
        gateway.store.inbox.quarantine_gate.set()


async def test_a_full_quarantine_is_left_alone() -> None:
    """Once lead-store has no room for more, bad requests are only counted for a while."""
    async with run_gateway() as gateway:
        inbox = gateway.store.inbox
        inbox.quarantine_room = 1
        for number in range(3):
            assert (await _bad(gateway, number)).status_code == 401
            await until(lambda: _quarantine_count(gateway, "kept", "store_full") > number)  # noqa: B023  called at once
        assert (_quarantine_count(gateway, "kept"), _quarantine_count(gateway, "store_full")) == (1, 2)
        assert (len(inbox.quarantine), inbox.quarantine_calls) == (1, 2)


def _quarantine_count(gateway: RunningGateway, *outcomes: str) -> float:
    return sum(gateway.metric("leadsync_gateway_quarantine_total", outcome=outcome) for outcome in outcomes)


@pytest.mark.parametrize(("method", "path"), [("GET", STATUS), ("POST", AGAIN)])
async def test_only_the_operator_sees_the_quarantine(method: str, path: str) -> None:
    """What could not be verified is of all tenants, so an admin of a tenant that runs nothing is refused."""
    async with run_gateway(LEADSYNC_OPERATOR_TENANT="") as gateway:  # that is, `default`
        for tenant, status in (("acme", 403), ("default", 200)):
            headers = {"authorization": f"Bearer {token(tenant=tenant)}"}
            response = await gateway.http.request(method, path, headers=headers)
            assert response.status_code == status
            assert status == 200 or response.json()["reason"] == "not_the_operator"
