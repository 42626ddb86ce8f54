"""What is the same request in another form."""

import pytest
from integration.gateway.harness import run_gateway
from webhook_gateway.http.api import OPERATIONS

pytestmark = pytest.mark.anyio


async def test_a_body_that_says_nothing_may_be_left_out() -> None:
    """No body is an empty object: it is done where nothing is required, and what is required is named elsewhere."""
    async with run_gateway() as gateway:
        new = {"provider": "hubspot", "accessToken": "x"}
        integration = (await gateway.call("POST", "/api/v1/crm-integration", json=new)).json()["id"]
        gateway.store.work.known.add(integration)
        for path, status in (("work/redrive", 200), ("crm-integration/sync-leads", 202)):
            answer = await gateway.call("POST", f"/api/v1/{path}")
            assert answer.status_code == status
        answer = await gateway.call("POST", "/api/v1/conflicts/resolve-all")
        assert (answer.status_code, answer.json()["reason"]) == (400, "invalid_field")
        assert {fault["field"] for fault in answer.json()["errors"]} == {"integrationId", "field", "take"}


async def test_a_slash_at_the_end_changes_nothing() -> None:
    """Every address is found with a slash at its end too, and answers the same."""
    async with run_gateway() as gateway:
        for path in {item.path for item in OPERATIONS if "{" not in item.path}:
            for method in ("GET", "PUT"):
                plain, slashed = [await gateway.call(method, path + end) for end in ("", "/")]
                assert '"reason":"route_not_found"' not in plain.text
                assert slashed.status_code == plain.status_code
                assert slashed.headers.get("allow") == plain.headers.get("allow")


async def test_a_made_thing_is_where_its_answer_says() -> None:
    """The address of what was made at an address with a slash has no second slash in it."""
    async with run_gateway() as gateway:
        made = await gateway.call("POST", "/api/v1/leads/", json={"email": "ann@example.com"})
        assert made.headers["location"] == f"/api/v1/leads/{made.json()['id']}"
