import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from grpc_health.v1 import health_pb2
from integration.gateway.harness import (
    HOOK,
    SECRET,
    RunningGateway,
    body_of,
    event,
    now_ms,
    run_gateway,
    sign,
    sizes,
    until,
)
from lead_store.rpc.touch_mapping import touches_of
from webhook_gateway.ingest.admission import MIB
from webhook_gateway.ingest.body import MAX_BODY
from webhook_gateway.providers.hubspot.signatures import MAX_AGE_MS, Secret, sign_v1

pytestmark = pytest.mark.anyio


async def test_a_signed_delivery_is_kept_whole() -> None:
    """A signed request is answered 200 with its number of events, and lead-store holds it with its touches."""
    async with run_gateway() as gateway:
        body = body_of(event(), event(subscriptionType="company.creation", objectId=9))
        headers = sign(body) | {"user-agent": "HubSpot Connect 2.0", "cookie": "no"}
        response = await gateway.post(body, headers)
        assert (response.status_code, response.json()) == (200, {"accepted": 2, "duplicates": 0})
        (kept,) = gateway.store.inbox.kept.values()
        assert (kept.provider, kept.account_id, kept.events) == ("hubspot", "48975575", body)
        assert (kept.event_count, kept.ignored_count) == (2, 1)
        assert [(touch.object_type, touch.record_id) for touch in kept.touches] == [("contact", "508369434347")]
        assert kept.touches[0].occurred_at.ToMilliseconds() == 1782371969536
        assert kept.touches[0].source == "INTEGRATION:39522895"
        assert abs(kept.received_at.ToMilliseconds() - now_ms()) < 10_000
        assert set(kept.headers) == {"user-agent", "content-type", "x-hubspot-request-timestamp"}


async def test_a_large_delivery_is_kept_whole() -> None:
    """What many events touch is handed over in columns: each record with its own kind, time and source, and merges."""
    merge = event(
        subscriptionType="contact.merge", objectId=3, primaryObjectId=3, mergedObjectIds=[1, 2], newObjectId=9
    )
    edits = [event(objectId=n, occurredAt=n, sourceId=f"userId:{n}") for n in (4, 5)]
    async with run_gateway() as gateway:
        response = await gateway.post(
            body_of(*edits, merge, event(subscriptionType="contact.deletion", occurredAt=None))
        )
        assert (response.status_code, response.json()) == (200, {"accepted": 4, "duplicates": 0})
        (kept,) = gateway.store.inbox.kept.values()
        assert (len(kept.touch_columns.kinds), len(kept.touches)) == (7, 0)
        found = touches_of(kept)
        assert [(touch.record_id, touch.kind, touch.into) for touch in found] == [
            ("4", "created", ""), ("5", "created", ""), ("9", "changed", ""), ("3", "merged", "9"),
            ("1", "merged", "9"), ("2", "merged", "9"), ("508369434347", "deleted", ""),
        ]  # fmt: skip
        assert [(touch.occurred_at_ms, touch.source) for touch in found[:2]] == [
            (4, "INTEGRATION:userId:4"),
            (5, "INTEGRATION:userId:5"),
        ]
        assert found[-1].occurred_at_ms is None


async def test_a_retry_is_a_duplicate() -> None:
    """The same events sent again, with another attempt number, are acknowledged as duplicates."""
    async with run_gateway() as gateway:
        first = await gateway.post(body_of(event(), event(objectId=2)))
        again = await gateway.post(body_of(event(attemptNumber=1), event(objectId=2, attemptNumber=1)))
        assert first.json() == {"accepted": 2, "duplicates": 0}
        assert (again.status_code, again.json()) == (200, {"accepted": 0, "duplicates": 2})
        assert gateway.metric("leadsync_gateway_events_total", provider="hubspot", outcome="duplicate") == 2


async def test_several_portals_make_several_deliveries() -> None:
    """A request that names two portals is kept as two deliveries before it is acknowledged."""
    async with run_gateway() as gateway:
        response = await gateway.post(body_of(event(portalId=1), event(portalId=2)))
        assert response.json() == {"accepted": 2, "duplicates": 0}
        assert sorted(item.account_id for item in gateway.store.inbox.kept.values()) == ["1", "2"]


async def test_the_query_is_part_of_the_signature() -> None:
    """A target address with a query is verified with the query as received."""
    async with run_gateway() as gateway:
        path, body = f"{HOOK}?a=%3A1&b=2", body_of(event())
        assert (await gateway.post(body, path=path)).status_code == 200
        assert (await gateway.post(body, sign(body))).status_code == 200
        assert (await gateway.post(body, sign(body), path=path)).status_code == 401


@pytest.mark.parametrize("path", [f"{HOOK}/", f"{HOOK}/?a=1"])
async def test_an_address_with_a_slash_at_its_end_is_served(path: str) -> None:
    """A webhook address that was entered with a slash at its end is the same one; the signature covers the slash."""
    async with run_gateway() as gateway:
        body = body_of(event())
        response = await gateway.post(body, path=path)
        assert (response.status_code, response.json()) == (200, {"accepted": 1, "duplicates": 0})
        assert (await gateway.post(body, sign(body), path=path)).status_code == 401
        ready = await gateway.http.get(path)
        assert (ready.status_code, ready.json()) == (200, {"provider": "hubspot", "ready": True})
        unknown = await gateway.http.post("/api/v1/webhooks/nocrm/", content=body)
        assert (unknown.status_code, unknown.json()["reason"]) == (404, "unknown_provider")


def _unsigned(_body: bytes) -> dict[str, str]:
    return {}


def _wrong_secret(body: bytes) -> dict[str, str]:
    return sign(body, secret="another")


def _stale(body: bytes) -> dict[str, str]:
    return sign(body, at=now_ms() - MAX_AGE_MS - 5000)


def _future(body: bytes) -> dict[str, str]:
    return sign(body, at=now_ms() + MAX_AGE_MS + 5000)


def _changed(body: bytes) -> dict[str, str]:
    return sign(body + b" ")


def _no_timestamp(body: bytes) -> dict[str, str]:
    return {"x-hubspot-signature-v3": sign(body)["x-hubspot-signature-v3"]}


def _v1(body: bytes) -> dict[str, str]:
    signature = sign_v1(Secret(SECRET.encode()), body).decode()
    return {"x-hubspot-signature": signature, "x-hubspot-signature-version": "v1"}


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        (_unsigned, "signature_missing"),
        (_wrong_secret, "signature_invalid"),
        (_stale, "signature_stale"),
        (_future, "signature_stale"),
        (_changed, "signature_invalid"),
        (_no_timestamp, "signature_missing"),
        (_v1, "signature_missing"),
    ],
)
async def test_requests_that_cannot_be_verified(headers: Any, reason: str) -> None:
    """A request that HubSpot did not sign just now is answered 401 with the reason, counted, and not kept."""
    async with run_gateway() as gateway:
        body = body_of(event())
        response = await gateway.post(body, headers(body))
        assert (response.status_code, response.json()["reason"]) == (401, reason)
        assert response.headers["content-type"] == "application/problem+json"
        assert gateway.store.inbox.calls == []
        assert gateway.metric("leadsync_gateway_signature_failures_total", provider="hubspot", reason=reason) == 1


async def test_v1_counts_where_it_is_allowed() -> None:
    """With HUBSPOT_ALLOW_V1_SIGNATURES a request that carries only v1 is accepted."""
    async with run_gateway(HUBSPOT_ALLOW_V1_SIGNATURES="1") as gateway:
        body = body_of(event())
        assert (await gateway.post(body, _v1(body))).status_code == 200


async def test_an_app_speaks_only_for_itself() -> None:
    """With `appId:secret` the events of another app are refused; other apps use their own secret."""
    async with run_gateway(HUBSPOT_CLIENT_SECRET=f"39522895:{SECRET},7:another") as gateway:
        own, other = body_of(event()), body_of(event(appId=7))
        assert (await gateway.post(own)).status_code == 200
        assert (await gateway.post(other, sign(other, secret="another"))).status_code == 200
        response = await gateway.post(other)
        assert (response.status_code, response.json()["reason"]) == (401, "app_mismatch")


async def test_without_a_secret_nothing_is_taken() -> None:
    """No secret, no webhooks: 503 with the reason, however it is signed."""
    async with run_gateway(HUBSPOT_CLIENT_SECRET="") as gateway:
        response = await gateway.post(body_of(event()))
        assert (response.status_code, response.json()["reason"]) == (503, "webhooks_not_configured")
        assert "retry-after" in response.headers
        assert (await gateway.http.get(HOOK)).json() == {"provider": "hubspot", "ready": False}


async def test_unsigned_on_purpose() -> None:
    """LEADSYNC_ALLOW_UNSIGNED lets unsigned requests in, but only while no secret is configured."""
    body = body_of(event())
    async with run_gateway(HUBSPOT_CLIENT_SECRET="", LEADSYNC_ALLOW_UNSIGNED="1") as gateway:
        assert (await gateway.post(body, {})).status_code == 200
    async with run_gateway(LEADSYNC_ALLOW_UNSIGNED="1") as gateway:
        assert (await gateway.post(body, {})).status_code == 401


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "malformed_json"),
        (b"[{", "malformed_json"),
        (b"{}", "not_an_event_array"),
        (b"[]", "not_an_event_array"),
        (b"[1]", "not_an_event_array"),
    ],
)
async def test_unreadable_bodies(body: bytes, reason: str) -> None:
    """A signed body that is no array of events is answered 400 with the reason."""
    async with run_gateway() as gateway:
        response = await gateway.post(body)
        problem = response.json()
        assert (response.status_code, problem["reason"], problem["status"]) == (400, reason, 400)
        assert gateway.store.inbox.calls == []


async def test_events_that_are_not_understood_are_kept() -> None:
    """An event with a surprise in it is kept as it came, touches nothing, and is counted apart."""
    surprises = ({"subscriptionType": "contact.creation"}, event(objectId={"x": 1}), {"new": "shape"})
    async with run_gateway() as gateway:
        body = body_of(event(), *surprises)
        response = await gateway.post(body)
        assert (response.status_code, response.json()) == (200, {"accepted": 4, "duplicates": 0})
        alone = await gateway.post(body_of(*surprises[::2]))
        assert (alone.status_code, alone.json()) == (200, {"accepted": 2, "duplicates": 0})
        first, second = gateway.store.inbox.kept.values()
        assert (first.events, first.event_count, first.ignored_count, len(first.touches)) == (body, 4, 3, 1)
        assert (second.account_id, second.ignored_count, len(second.touches)) == ("unknown", 2, 0)
        assert gateway.metric("leadsync_gateway_events_total", provider="hubspot", outcome="not_understood") == 5


async def test_a_large_body_is_refused() -> None:
    """A body above the cap is answered 413, by its declared length or once too much has streamed."""
    made_up = sign(b"")
    async with run_gateway() as gateway:
        declared = await gateway.post(b"x" * (MAX_BODY + 1), made_up)

        async def stream() -> AsyncIterator[bytes]:
            for size in sizes(MAX_BODY + 1, 256 * 1024):
                yield b"x" * size

        streamed = await gateway.http.post(HOOK, content=stream(), headers=made_up)
        for response in (declared, streamed):
            assert (response.status_code, response.json()["reason"]) == (413, "body_too_large")
        assert gateway.metric("leadsync_gateway_intake_bytes") == 0


async def test_a_body_of_the_cap_is_kept() -> None:
    """A streamed body just below the cap arrives at lead-store unchanged, in a call of its own."""
    async with run_gateway() as gateway:
        body = body_of(event(padding="x" * (MAX_BODY - 1000)))

        async def stream() -> AsyncIterator[bytes]:
            at = 0
            for size in sizes(len(body), 512 * 1024):
                yield body[at : at + size]
                at += size

        response = await gateway.http.post(HOOK, content=stream(), headers=sign(body))
        assert (response.status_code, response.json()) == (200, {"accepted": 1, "duplicates": 0})
        assert [item.events for item in gateway.store.inbox.kept.values()] == [body]


async def test_group_commit() -> None:
    """Requests that arrive while a call is in flight share the next one; each is answered once it is kept."""
    async with run_gateway() as gateway:
        inbox = gateway.store.inbox
        inbox.gate.clear()
        early = [asyncio.create_task(gateway.post(body_of(event(objectId=1))))]
        await inbox.wait_calls(1)
        late = [asyncio.create_task(gateway.post(body_of(event(objectId=number)))) for number in range(2, 63)]
        await until(lambda: gateway.metric("leadsync_gateway_intake_requests") == 62)
        assert not any(task.done() for task in early + late)
        inbox.gate.set()
        responses = await asyncio.gather(*early, *late)
        assert {response.status_code for response in responses} == {200}
        assert len(inbox.kept) == 62
        assert len(inbox.calls) <= 3  # one may go beside a call that takes long


async def test_a_group_has_a_size() -> None:
    """A call carries at most 4 MiB, or one larger delivery alone."""
    async with run_gateway() as gateway:
        inbox = gateway.store.inbox
        inbox.gate.clear()
        bodies = [body_of(event(portalId=number, padding="x" * 1_500_000)) for number in range(8)]
        bodies.append(body_of(event(portalId=99, padding="x" * 5_000_000)))
        tasks = [asyncio.create_task(gateway.post(body)) for body in bodies]
        await until(lambda: gateway.metric("leadsync_gateway_intake_bytes") == sum(map(len, bodies)))
        inbox.gate.set()
        responses = await asyncio.gather(*tasks)
        assert {response.status_code for response in responses} == {200}
        assert all(
            size <= 4 * 1024 * 1024 or len(call) == 1 for size, call in zip(inbox.sizes, inbox.calls, strict=True)
        )


async def test_a_refused_delivery_does_not_take_its_neighbours_along() -> None:
    """When lead-store refuses one delivery of a group, the others are kept and acknowledged all the same."""
    async with run_gateway() as gateway:
        inbox = gateway.store.inbox
        inbox.refuse = {"666"}
        inbox.gate.clear()
        first = asyncio.create_task(gateway.post(body_of(event(objectId=1))))
        await inbox.wait_calls(1)
        portals = (1, 666, 2)
        group = [asyncio.create_task(gateway.post(body_of(event(portalId=portal)))) for portal in portals]
        await until(lambda: gateway.metric("leadsync_gateway_intake_requests") == 4)
        inbox.gate.set()
        await first
        responses = await asyncio.gather(*group)
        assert [response.status_code for response in responses] == [200, 503, 200]
        assert responses[1].json()["reason"] == "delivery_refused"


async def test_a_store_that_is_down() -> None:
    """While lead-store is away every webhook is answered 503 at once, and 200 again once it is back."""
    async with run_gateway() as gateway:
        assert (await gateway.http.get("/readyz")).status_code == 200
    async with run_gateway(LEAD_STORE_URL="127.0.0.1:1") as gateway:
        response = await gateway.post(body_of(event()))
        assert (response.status_code, response.json()["reason"]) == (503, "store_unavailable")
        assert int(response.headers["retry-after"]) >= 1
        assert gateway.metric("leadsync_gateway_not_kept_total", reason="store_unavailable") == 1
        ready = await gateway.http.get("/readyz")
        assert (ready.status_code, ready.json()["reason"]) == (503, "store_unavailable")


async def _is_kept(gateway: RunningGateway) -> bool:
    return (await gateway.post(body_of(event()))).status_code == 200


async def test_a_store_that_comes_back(free_tcp_port: int) -> None:
    """A gateway that was started before lead-store, or outlived it, finds it again by itself."""
    async with run_gateway(LEAD_STORE_URL=f"127.0.0.1:{free_tcp_port}") as gateway:
        assert (await gateway.post(body_of(event()))).status_code == 503
        other = type(gateway.store)()
        async with other.serve(free_tcp_port):
            await until(lambda: _is_kept(gateway))
            assert len(other.inbox.kept) == 1
        assert (await gateway.post(body_of(event()))).status_code == 503


async def test_a_full_intake_refuses_at_once() -> None:
    """When the bodies that are held take up all memory, the next one is answered 503 while the others still wait."""
    async with run_gateway() as gateway:
        gateway.store.inbox.gate.clear()
        bodies = [body_of(event(portalId=number, padding="x" * 10_000_000)) for number in range(4)]
        waiting = [asyncio.create_task(gateway.post(body)) for body in bodies[:3]]
        await until(lambda: gateway.metric("leadsync_gateway_intake_bytes") == sum(map(len, bodies[:3])))
        refused = await gateway.post(bodies[3])
        assert (refused.status_code, refused.json()["reason"]) == (503, "intake_full")
        assert "retry-after" in refused.headers
        gateway.store.inbox.gate.set()
        assert {response.status_code for response in await asyncio.gather(*waiting)} == {200}
        assert (await gateway.post(bodies[3])).status_code == 200


async def _head_of_a_request(
    gateway: RunningGateway, body_size: int, headers: dict[str, str]
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Send a webhook's head, and nothing of its body."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    reader, writer = await asyncio.open_connection(gateway.http.base_url.host, gateway.http.base_url.port)
    writer.write(f"POST {HOOK} HTTP/1.1\r\nhost: gateway\r\n{lines}content-length: {body_size}\r\n\r\n".encode())
    await writer.drain()
    return reader, writer


async def test_without_a_signature_no_body_is_read() -> None:
    """A request that carries no signature is answered 401 before any of its body has come."""
    async with run_gateway() as gateway:
        reader, writer = await _head_of_a_request(gateway, MAX_BODY, {})
        assert (await reader.readuntil(b"}")).startswith(b"HTTP/1.1 401")
        assert gateway.metric("leadsync_gateway_intake_requests") == 0
        writer.close()


async def test_large_bodies_that_do_not_come_whole_give_way() -> None:
    """When large bodies with made-up signatures take up all memory, the largest gives way to a good request."""
    async with run_gateway() as gateway, contextlib.AsyncExitStack() as stack:
        body = b"x" * (8 * MIB)
        for _ in range(4):
            _, writer = await _head_of_a_request(gateway, len(body) + 1, sign(b""))
            stack.callback(writer.close)
            writer.write(body)
        await until(lambda: gateway.metric("leadsync_gateway_intake_bytes") == 32 * MIB)
        assert (await gateway.post(body_of(event()))).status_code == 200
        assert gateway.metric("leadsync_gateway_not_kept_total", reason="intake_full") == 1


async def test_one_account_does_not_fill_the_intake() -> None:
    """An account that has its share is answered 429 with Retry-After; others are accepted, and it is again later."""
    async with run_gateway(GATEWAY_ACCOUNT_PERCENT="1") as gateway:
        gateway.store.inbox.gate.clear()
        flood = [asyncio.create_task(gateway.post(body_of(event(objectId=number)))) for number in range(20)]
        await until(lambda: gateway.metric("leadsync_gateway_intake_requests") == 20)
        refused = await gateway.post(body_of(event(objectId=99)))
        assert (refused.status_code, refused.json()["reason"]) == (429, "account_over_quota")
        assert int(refused.headers["retry-after"]) >= 1
        assert gateway.metric("leadsync_gateway_not_kept_total", reason="account_over_quota") == 1
        other = asyncio.create_task(gateway.post(body_of(event(portalId=2))))
        await until(lambda: gateway.metric("leadsync_gateway_intake_requests") == 21)
        gateway.store.inbox.gate.set()
        assert {response.status_code for response in await asyncio.gather(*flood, other)} == {200}
        assert (await gateway.post(body_of(event(objectId=99)))).status_code == 200


async def test_a_slow_store_is_no_acknowledgement() -> None:
    """A lead-store that does not answer in time costs a 503 within HubSpot's five seconds, for those who waited too."""
    async with run_gateway() as gateway:
        gateway.store.inbox.gate.clear()
        start = asyncio.get_running_loop().time()
        responses = await asyncio.gather(*(gateway.post(body_of(event(objectId=number))) for number in range(6)))
        assert asyncio.get_running_loop().time() - start < 5
        assert {response.status_code for response in responses} == {503}
        reasons = {response.json()["reason"] for response in responses}
        assert reasons <= {"deadline_exceeded", "queue_timeout", "store_unavailable"}
        assert gateway.store.inbox.kept == {}
        assert gateway.metric("leadsync_gateway_breaker_open") == 1
        refused = await gateway.post(body_of(event()))  # at once: the store is known to be away
        assert (refused.status_code, refused.json()["reason"]) == (503, "store_unavailable")
        assert "retry-after" in refused.headers
        gateway.store.inbox.gate.set()
        await until(lambda: _is_kept(gateway))
        assert gateway.metric("leadsync_gateway_breaker_open") == 0


async def test_unknown_providers_and_the_reachability_check() -> None:
    """GET says whether the address is right; an unknown CRM is 404 either way."""
    async with run_gateway() as gateway:
        assert (await gateway.http.get(HOOK)).json() == {"provider": "hubspot", "ready": True}
        for method in ("GET", "POST"):
            response = await gateway.http.request(method, "/api/v1/webhooks/pipedrive")
            assert (response.status_code, response.json()["reason"]) == (404, "unknown_provider")
        wrong = await gateway.http.put(HOOK)
        assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET, HEAD, POST")


async def test_health() -> None:
    """/livez is the process, /readyz is lead-store's health, /metrics counts by route."""
    async with run_gateway() as gateway:
        assert (await gateway.http.get("/livez")).status_code == 200
        assert (await gateway.http.get("/readyz")).json() == {"ready": True}
        await gateway.store.health.set("", health_pb2.HealthCheckResponse.NOT_SERVING)
        assert (await gateway.http.get("/readyz")).status_code == 503
        await gateway.post(body_of(event()))
        text = (await gateway.http.get("/metrics")).text
        assert (
            f'leadsync_gateway_requests_total{{route="{HOOK.replace("hubspot", "{provider}")}",status="200"}} 1.0'
            in text
        )
        assert 'leadsync_gateway_events_total{outcome="accepted",provider="hubspot"} 1.0' in text
