import asyncio
import json
import re
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from integration.gateway.harness import OLD_TOKEN_KEY, TOKEN_KEY, RunningGateway, run_gateway, token, until
from webhook_gateway.http.api import OPERATIONS
from webhook_gateway.http.roles import NEEDED, PUBLIC, Role, role_of
from webhook_gateway.http.tries import FREE_TRIES, MOST_WAITING
from webhook_gateway.resources.operation import Operation

pytestmark = pytest.mark.anyio

GUARDED = [pytest.param(item, id=item.name) for item in OPERATIONS if role_of(item.name) is not None]


def _url(operation: Operation) -> str:
    return re.sub(r"{.*?}", str(uuid.uuid4()), operation.path)


def test_only_these_are_public() -> None:
    """A new operation needs a role unless this list is changed on purpose; the table of roles has nothing else."""
    public = {"receive_webhook", "webhook_ready", "livez", "readyz", "metrics", "openapi"}
    assert {item.name for item in OPERATIONS if role_of(item.name) is None} == PUBLIC == public
    assert len({(item.method, item.path) for item in OPERATIONS}) == len(OPERATIONS)
    named = [*PUBLIC, *(name for names in NEEDED.values() for name in names)]
    assert sorted(named) == sorted(item.name for item in OPERATIONS)


def test_a_viewer_only_looks() -> None:
    """Whatever changes something needs more than the role viewer; what concerns a CRM account or all tenants, admin."""
    changing = {item.name: role_of(item.name) for item in OPERATIONS if item.method != "GET"}
    del changing["receive_webhook"]
    assert set(changing.values()) == {Role.OPERATOR, Role.ADMIN}
    assert {name for name, role in changing.items() if role is Role.ADMIN} == {
        "create_integration",
        "update_integration",
        "delete_integration",
        "enable_webhooks",
        "disable_webhooks",
        "verify_again",
        "put_lead_field",
        "delete_lead_field",
    }


@pytest.mark.parametrize("operation", GUARDED)
async def test_the_role_of_every_operation(operation: Operation) -> None:
    """Without a token 401, below the role of the table 403, from that role on neither."""
    needed = role_of(operation.name)
    assert needed is not None
    async with run_gateway() as gateway:
        anonymous = await gateway.http.request(operation.method, _url(operation))
        assert (anonymous.status_code, anonymous.json()["reason"]) == (401, "token_missing")
        assert anonymous.headers["www-authenticate"].startswith("Bearer")
        for role in Role:
            response = await gateway.call(operation.method, _url(operation), role.name.lower())
            if role < needed:
                assert (response.status_code, response.json()["reason"]) == (403, "role_too_low")
            else:
                assert response.status_code not in {401, 403, 405, 500}


# What is wrong with each; tokens are made when they are used, since they expire.
FORGED: dict[str, dict[str, Any]] = {
    "signed with another key": {"key": "x" * 40},
    "expired": {"exp": 1},
    "without exp": {"exp": None},
    "for another audience": {"aud": "other"},
    "without audience": {"aud": None},
    "without tenant": {"tenant": None},
    "with an empty tenant": {"tenant": ""},
    "with a tenant that is no text": {"tenant": 7},
    "with half of an emoji in its tenant": {"tenant": "a\ud83d"},
    "with half of an emoji in its subject": {"sub": "\udc00"},
    "with a line break in its subject": {"sub": "a\nb"},
    "made in the future": {"iat": int(time.time()) + 10**6},
    "without subject": {"sub": None},
    "with a list for when it was made": {"iat": []},
    "with an unknown role": {"role": "owner"},
    "without role": {"role": None},
}
MALFORMED = {
    "without algorithm": "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJ0ZW5hbnQiOiJhY21lIn0.",
    "not a token": "abc",
}


@pytest.mark.parametrize("name", [*FORGED, *MALFORMED])
async def test_forged_tokens(name: str) -> None:
    """A token that is not wholly right opens nothing."""
    async with run_gateway() as gateway:
        text = MALFORMED.get(name) or token(**FORGED[name])
        response = await gateway.http.get("/api/v1/leads", headers={"authorization": f"Bearer {text}"})
        expected = "token_expired" if name == "expired" else "token_invalid"
        assert (response.status_code, response.json()["reason"]) == (401, expected)
        assert 'error="invalid_token"' in response.headers["www-authenticate"]


async def test_a_token_of_a_clock_that_is_ahead_is_told_from_a_forged_one() -> None:
    """Whoever made it sees what to correct; a forged one learns nothing."""
    ahead = int(time.time()) + 100
    async with run_gateway() as gateway:
        for claim in ("iat", "nbf"):
            claims: dict[str, Any] = {claim: ahead}
            mine, forged = token(**claims), token(key="x" * 40, **claims)
            said = [
                (await gateway.http.get("/api/v1/leads", headers={"authorization": f"Bearer {text}"})).json()["detail"]
                for text in (mine, forged)
            ]
            assert "the clock of the machine that made it is ahead" in said[0]
            assert said[1] == "the token is not acceptable"


async def test_keys_rotate() -> None:
    """While keys are rotated, tokens of each of them count."""
    async with run_gateway() as gateway:
        for key in (TOKEN_KEY, OLD_TOKEN_KEY):
            response = await gateway.http.get("/api/v1/leads", headers={"authorization": f"bearer {token(key=key)}"})
            assert response.status_code == 200


async def test_tenants_do_not_see_each_other() -> None:
    """Another tenant's lead and integration do not exist, whoever asks."""
    async with run_gateway() as gateway:
        lead = (await gateway.call("POST", "/api/v1/leads", json={"email": "a@example.com"})).json()
        crm = (
            await gateway.call("POST", "/api/v1/crm-integration", json={"provider": "hubspot", "accessToken": "x"})
        ).json()
        stranger = {"authorization": f"Bearer {token(tenant='other')}"}
        for path in (f"/api/v1/leads/{lead['id']}", f"/api/v1/crm-integration/{crm['id']}"):
            for method in ("GET", "DELETE"):
                response = await gateway.call(method, path, headers=stranger)
                assert response.status_code == 404
            assert (await gateway.call("GET", path)).status_code == 200
        listed = await gateway.call("GET", "/api/v1/leads", headers=stranger)
        assert listed.json() == {"leads": [], "nextPageToken": None}


async def _asked(gateway: RunningGateway, text: str, **headers: str) -> tuple[int, str]:
    response = await gateway.http.get("/api/v1/leads", headers={"authorization": f"Bearer {text}"} | headers)
    return response.status_code, response.json().get("reason", "")


async def test_a_token_counts_for_so_many_days() -> None:
    """Longer than 90 days is refused, unless it is allowed."""
    now = int(time.time())
    long, fitting = (token(iat=now - 10, exp=now - 10 + days * 86_400) for days in (91, 90))
    async with run_gateway() as gateway:
        assert await _asked(gateway, fitting) == (200, "")
        assert await _asked(gateway, token(iat=str(now), exp=str(now + 60))) == (200, "")
        assert await _asked(gateway, long) == (401, "token_too_long")
        assert await _asked(gateway, token(exp=now + 91 * 86_400)) == (401, "token_too_long")
    async with run_gateway(LEADSYNC_TOKEN_DAYS="91") as gateway:
        assert await _asked(gateway, long) == (200, "")


async def test_revoked_tokens(tmp_path: Path) -> None:
    """A token is revoked by its id, and all of a tenant by when they were made, while the gateway runs."""
    path, now = tmp_path / "revoked", int(time.time())
    path.write_text("{}")
    first, second, other = (token(jti="1", iat=now), token(jti="2", iat=now), token(tenant="other", iat=now))
    async with run_gateway(LEADSYNC_REVOKED_TOKENS=str(path)) as gateway:
        for text in (first, second, other):
            assert await _asked(gateway, text) == (200, "")
        path.write_text('{"ids": ["1"]}')
        await until(lambda: _is_revoked(gateway, first))
        assert await _asked(gateway, second) == (200, "")
        since = datetime.fromtimestamp(now + 1, UTC).isoformat()
        path.write_text(json.dumps({"notBefore": {"acme": since}}))
        await until(lambda: _is_revoked(gateway, second))
        assert await _asked(gateway, other) == (200, "")


async def _is_revoked(gateway: RunningGateway, text: str) -> bool:
    return await _asked(gateway, text) == (401, "token_revoked")


async def test_failed_tries_are_slowed_by_address() -> None:
    """A flood of wrong tokens waits or is refused; a good token is not slowed, nor is another sender of the proxy."""
    async with run_gateway(GATEWAY_TRUSTED_PROXIES="127.0.0.0/8") as gateway:
        wrong, mine = token(key="x" * 40), {"x-forwarded-for": "10.0.0.1"}
        flood = [asyncio.create_task(_asked(gateway, wrong, **mine)) for _ in range(FREE_TRIES + MOST_WAITING + 20)]
        assert await _asked(gateway, token(), **mine) == (200, "")
        assert await _asked(gateway, wrong, **{"x-forwarded-for": "10.0.0.2"}) == (401, "token_invalid")
        answers = await asyncio.gather(*flood)
        assert set(answers) == {(401, "token_invalid"), (429, "too_many_tries")}


async def test_the_addresses_of_one_ipv6_network_are_one_sender() -> None:
    """Whoever has 2^64 addresses is slowed like whoever has one; the next network is not."""
    async with run_gateway(GATEWAY_TRUSTED_PROXIES="127.0.0.0/8") as gateway:
        wrong = token(key="x" * 40)
        senders = [f"2001:db8::1:{number:x}" for number in range(FREE_TRIES + MOST_WAITING + 20)]
        flood = [asyncio.create_task(_asked(gateway, wrong, **{"x-forwarded-for": sender})) for sender in senders]
        assert await _asked(gateway, wrong, **{"x-forwarded-for": "2001:db8:0:1::1"}) == (401, "token_invalid")
        assert set(await asyncio.gather(*flood)) == {(401, "token_invalid"), (429, "too_many_tries")}
