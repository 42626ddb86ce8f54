"""Pages of the console with data that is odd but possible."""

import time
from itertools import product
from typing import Any

import httpx
import jwt
import pytest
from integration.gateway.harness import TOKEN_KEY, RunningGateway, run_gateway
from leadsync.integration.v1 import integration_pb2
from leadsync.lead.v1 import lead_pb2
from leadsync.sync.v1 import conflict_service_pb2, policy_pb2
from webhook_gateway.console.session import SESSIONS

pytestmark = pytest.mark.anyio
NEWER = 99  # a word of an enum that a newer service may use
STRANGE = (0, NEWER)


async def connect(gateway: RunningGateway) -> str:
    """Connect an account; the integration's id."""
    created = await gateway.call("POST", "/api/v1/crm-integration", json={"provider": "hubspot", "accessToken": "x"})
    integration_id = str(created.json()["id"])
    gateway.store.work.known.add(integration_id)
    return integration_id


async def ask(gateway: RunningGateway, path: str, role: str = "admin", **more: Any) -> httpx.Response:
    """Use the console as somebody who has signed in; with `data`, a form is sent."""
    now = int(time.time())
    claims = {"aud": SESSIONS, "tenant": "acme", "role": role, "sub": "tester", "jti": "one"}
    cookie = jwt.encode(claims | {"iat": now, "made": now, "exp": now + 600}, TOKEN_KEY, algorithm="HS256")
    headers = {"cookie": f"__Host-leadsync_console={cookie}", "sec-fetch-site": "same-origin"}
    return await gateway.http.request("POST" if "data" in more else "GET", path, headers=headers, **more)


async def test_words_that_are_not_known_yet_fail_no_page() -> None:
    """A kind, state or direction that only a newer service knows is shown as it is; the rest of the page stays."""
    async with run_gateway() as gateway:
        one = await connect(gateway)
        statuses: dict[tuple[Any, ...], int] = {}
        for kind, state, dry_run in product((*STRANGE, 1), (*STRANGE, 1), (False, True)):
            run: dict[str, Any] = {
                "run_id": "r",
                "integration_id": one,
                "kind": kind,
                "state": state,
                "dry_run": dry_run,
            }
            gateway.connector.runs = {"r": integration_pb2.Run(**run)}
            for path in ("/ui/runs", "/ui/runs/r"):
                statuses[path, kind, state, dry_run] = (await ask(gateway, path)).status_code
        for word in STRANGE:
            gateway.connector.items["acme", one].policy.direction = word  # type: ignore[assignment]
            gateway.connector.checks = [integration_pb2.Check(name="x", state=word)]  # type: ignore[arg-type]
            for path in ("/ui", "/ui/integrations", f"/ui/integrations/{one}", f"/ui/integrations/{one}/doctor"):
                statuses[path, word] = (await ask(gateway, path)).status_code
    assert {about: status for about, status in statuses.items() if status != 200} == {}


async def test_work_of_several_integrations_is_tried_again() -> None:
    """Chosen work is tried again in the integration that it is of, and so is what failed for a reason."""
    async with run_gateway() as gateway:
        first, second = await connect(gateway), await connect(gateway)
        chosen = {"integrationId": "", "work": [f"{first} a", f"{second} b", f"{first} c"]}
        assert (await ask(gateway, "/ui/work/redrive", data=chosen)).status_code == 303
        redriven = {one.integration_id: list(one.work_item_ids) for one in gateway.store.work.redriven}
        assert redriven == {first: ["a", "c"], second: ["b"]}
        page = (await ask(gateway, f"/ui/work?integrationId={first}")).text
        assert f'value="{first} work_item"' in page
        assert f'name="integrationId" value="{first}"' in page


async def test_nothing_chosen_is_not_everything() -> None:
    """A form without any work and without a reason makes nothing due."""
    async with run_gateway() as gateway:
        one = await connect(gateway)
        answer = await ask(gateway, "/ui/work/redrive", data={"integrationId": one})
        assert (answer.status_code, gateway.store.work.redriven) == (400, [])


@pytest.mark.parametrize(("role", "offered"), [("viewer", False), ("operator", True)])
async def test_a_lead_offers_decisions_to_those_who_may_decide(role: str, offered: bool) -> None:
    """Who may not settle conflicts sees them on the lead, without buttons."""
    async with run_gateway() as gateway:
        gateway.store.leads.leads["acme", "lead"] = lead_pb2.Lead(lead_id="lead", etag="1")
        conflict = conflict_service_pb2.Conflict(lead_id="lead", integration_id="i", field="phone", etag="1")
        gateway.store.conflicts.conflicts = [conflict]
        page = (await ask(gateway, "/ui/leads/lead", role)).text
    assert "phone differs" in page
    assert ("/ui/conflicts/resolve" in page) is offered


async def test_a_state_that_is_not_known_is_said() -> None:
    """While lead-store cannot say how an integration fares, its page says that."""
    async with run_gateway() as gateway:
        one = await connect(gateway)
        gateway.store.work.known.clear()
        page = await ask(gateway, f"/ui/integrations/{one}")
    assert (page.status_code, "Its state is not known" in page.text) == (200, True)


async def test_a_long_text_is_not_found() -> None:
    """What is too long for an id is not found, and no fault."""
    async with run_gateway() as gateway:
        await connect(gateway)
        page = await ask(gateway, f"/ui/find?q={'x' * 300}")
    assert (page.status_code, "Nothing found" in page.text) == (200, True)


def planned(gateway: RunningGateway, one: str) -> None:
    """Let the run `r` be a plan of an import with other settings."""
    proposed = integration_pb2.Integration(integration_id=one, etag="1", field_mapping={"email": "email"})
    proposed.policy.direction = lead_pb2.DIRECTION_FROM_CRM
    proposed.policy.matching.keys.append(policy_pb2.MATCH_KEY_PHONE)
    run = integration_pb2.Run(run_id="r", integration_id=one, dry_run=True, proposed=proposed)
    run.kind, run.state = integration_pb2.RUN_KIND_IMPORT, integration_pb2.RUN_STATE_SUCCEEDED
    gateway.connector.runs = {"r": run}


async def test_a_plan_is_applied_whole() -> None:
    """Also the direction and the matching that a plan has tried out are applied, not its fields alone."""
    async with run_gateway() as gateway:
        one = await connect(gateway)
        planned(gateway, one)
        answer = await ask(gateway, "/ui/runs/r/apply", data={"connect": ""})
        assert (answer.status_code, answer.headers["location"]) == (303, "/ui/runs/run-1")
        policy = gateway.connector.items["acme", one].policy
    assert policy.direction == lead_pb2.DIRECTION_FROM_CRM
    assert list(policy.matching.keys) == [policy_pb2.MATCH_KEY_PHONE]


async def test_applying_while_connecting_goes_on_to_the_last_step() -> None:
    """Who connects an account comes back to the plan, where the sync is started: until then the account is paused."""
    async with run_gateway() as gateway:
        planned(gateway, await connect(gateway))
        page = await ask(gateway, "/ui/runs/r?connect=1")
        assert 'name="connect" value="1"' in page.text
        answer = await ask(gateway, "/ui/runs/r/apply", data={"connect": "1"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/ui/runs/r?connect=1")
