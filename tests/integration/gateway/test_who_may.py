import re
import uuid
from typing import Any

import pytest
from integration.gateway.harness import OLD_TOKEN_KEY, TOKEN_KEY, gateway, token
from webhook_gateway.http.auth import Role
from webhook_gateway.http.operation import Row
from webhook_gateway.http.routes import ROUTES

pytestmark = pytest.mark.anyio

GUARDED = [pytest.param(row, id=row.operation) for row in ROUTES if row.role is not None]
PUBLIC = {"receive_webhook", "webhook_ready", "livez", "readyz", "metrics", "openapi"}


def _url(row: Row) -> str:
    return re.sub(r"{.*?}", str(uuid.uuid4()), row.path)


def test_only_these_are_public() -> None:
    """A new route needs a role unless this list is changed on purpose."""
    assert {row.operation for row in ROUTES if row.role is None} == PUBLIC
    assert len({(row.method, row.path) for row in ROUTES}) == len(ROUTES)


def test_a_viewer_only_looks() -> None:
    """Whatever changes something needs more than the role viewer; what concerns a CRM account or all tenants, admin."""
    changing = [row for row in ROUTES if row.role is not None and row.method != "GET"]
    assert all(row.role is not None and row.role >= Role.OPERATOR for row in changing)
    admin = {row.operation for row in changing if row.role is Role.ADMIN}
    assert admin == {
        "create_integration",
        "update_integration",
        "delete_integration",
        "enable_webhooks",
        "disable_webhooks",
        "verify_again",
    }


@pytest.mark.parametrize("row", GUARDED)
async def test_the_role_of_every_route(row: Row) -> None:
    """Without a token 401, below the role of the table 403, from that role on neither."""
    assert row.role is not None
    async with gateway() as door:
        nobody = await door.http.request(row.method, _url(row))
        assert (nobody.status_code, nobody.json()["reason"]) == (401, "token_missing")
        assert nobody.headers["www-authenticate"].startswith("Bearer")
        for role in Role:
            response = await door.call(row.method, _url(row), role.name.lower())
            if role < row.role:
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
    async with gateway() as door:
        text = MALFORMED.get(name) or token(**FORGED[name])
        response = await door.http.get("/api/v1/leads", headers={"authorization": f"Bearer {text}"})
        expected = "token_expired" if name == "expired" else "token_invalid"
        assert (response.status_code, response.json()["reason"]) == (401, expected)
        assert 'error="invalid_token"' in response.headers["www-authenticate"]


async def test_keys_rotate() -> None:
    """While keys are rotated, tokens of each of them count."""
    async with gateway() as door:
        for key in (TOKEN_KEY, OLD_TOKEN_KEY):
            response = await door.http.get("/api/v1/leads", headers={"authorization": f"bearer {token(key=key)}"})
            assert response.status_code == 200


async def test_tenants_do_not_see_each_other() -> None:
    """Another tenant's lead and integration do not exist, whoever asks."""
    async with gateway() as door:
        lead = (await door.call("POST", "/api/v1/leads", json={"email": "a@example.com"})).json()
        crm = (
            await door.call("POST", "/api/v1/crm-integration", json={"provider": "hubspot", "accessToken": "x"})
        ).json()
        stranger = {"authorization": f"Bearer {token(tenant='other')}"}
        for path in (f"/api/v1/leads/{lead['id']}", f"/api/v1/crm-integration/{crm['id']}"):
            for method in ("GET", "DELETE"):
                response = await door.call(method, path, headers=stranger)
                assert response.status_code == 404
            assert (await door.call("GET", path)).status_code == 200
        listed = await door.call("GET", "/api/v1/leads", headers=stranger)
        assert listed.json() == {"leads": [], "nextPageToken": None}
