import re
import uuid
from typing import Any

import pytest
from integration.gateway.harness import OLD_TOKEN_KEY, TOKEN_KEY, run_gateway, token
from webhook_gateway.http.api import OPERATIONS
from webhook_gateway.http.roles import NEEDED, PUBLIC, Role, role_of
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
    "without subject": {"sub": None},
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
