import asyncio
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from integration.gateway.harness import Harness, event, gateway, token
from leadsync.sync.v1 import sync_service_pb2 as sync_pb2
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS
from schemathesis.core.result import Ok
from webhook_gateway.clients.names import camel
from webhook_gateway.http.openapi import describe, reasons_of
from webhook_gateway.http.operation import Row
from webhook_gateway.http.routes import ROUTES

DOCUMENT: dict[str, Any] = json.loads(describe(ROUTES))
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)
_FOUND: list[Any] = [found.ok() for found in SCHEMA.get_all_operations() if isinstance(found, Ok)]
# Deletions last, so that there is something to look at before.
OPERATIONS = [pytest.param(item, id=item.label) for item in sorted(_FOUND, key=lambda item: item.method == "delete")]
CONFORM = [
    CHECKS.get_one(name)
    for name in (
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_schema_conformance",
    )
]
EXAMPLES = 32  # per operation
BUSY = {"start_import"}  # one is running already


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[str, dict[str, str]]]:
    """Run a gateway that believes unsigned webhooks, in a thread; its address, and ids of what is there."""
    ready, stop = threading.Event(), threading.Event()
    found: list[tuple[str, dict[str, str]]] = []

    async def serve() -> None:
        async with gateway(HUBSPOT_CLIENT_SECRET="", LEADSYNC_ALLOW_UNSIGNED="1") as door:
            found.append((str(door.http.base_url), await _fill(door)))
            ready.set()
            await asyncio.to_thread(stop.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert ready.wait(20)
    yield found[0]
    stop.set()
    thread.join(20)


async def _fill(door: Harness) -> dict[str, str]:
    lead = await door.call("POST", "/api/v1/leads", json={"email": "ann@example.com"})
    new = {"provider": "hubspot", "accessToken": "x"}
    integration = (await door.call("POST", "/api/v1/crm-integration", json=new)).json()["id"]
    trial = {"integrationId": integration, "dryRun": True}
    run = await door.call("POST", "/api/v1/crm-integration/import", json=trial)
    await door.http.post("/api/v1/webhooks/hubspot", json=[event()])
    door.store.sync.known.add(integration)
    conflict = {"lead_id": lead.json()["id"], "integration_id": integration, "etag": "e"}
    for field in ("phone", "custom_fields.a_b"):
        door.store.sync.conflicts.append(sync_pb2.Conflict(field=field, base="", **conflict))
    door.store.sync.matches.append(sync_pb2.Match(integration_id=integration, record_id="7", etag="e"))
    return {
        "leadId": lead.json()["id"],
        "integrationId": integration,
        "runId": run.json()["runId"],
        "deliveryKey": next(iter(door.store.inbox.kept)),
        "provider": "hubspot",
        "decisionId": "decision",
        "recordId": "7",
        "field": "phone",
        "etag": "e",
    }


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_api_is_as_described(operation: Any, running: tuple[str, dict[str, str]]) -> None:
    """Whatever is sent, no request breaks the gateway, every answer is described, and some request succeeds."""
    url, known = running
    statuses: set[int] = set()
    row = next(row for row in ROUTES if camel(row.operation) == operation.definition.raw["operationId"])
    modes = list(GenerationMode) if row.shape.takes else [GenerationMode.POSITIVE]  # what it takes, and anything else

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=st.one_of([operation.as_strategy(generation_mode=mode) for mode in modes]), real=st.booleans())
    def conforms(case: Any, *, real: bool) -> None:
        if real:
            _make_real(case, known)
        response = case.call(base_url=url, headers={"authorization": f"Bearer {token('admin')}"})
        statuses.add(response.status_code)
        checks = CONFORM[1:] if response.status_code == 501 else CONFORM  # 501 is an answer, nothing is broken
        case.validate_response(response, checks=checks)

    conforms()
    assert row.status in statuses or row.operation in BUSY


def _make_real(case: Any, known: dict[str, str]) -> None:
    """Let a request ask for what is there, in events that HubSpot may send."""
    if isinstance(case.query, dict):
        case.query = {name: value for name, value in case.query.items() if name in known}
    for values in (case.path_parameters, case.query, case.body):
        if isinstance(values, dict):
            values.update({name: known[name] for name in values.keys() & known.keys()})
    if isinstance(case.body, dict) and "provider" in case.body:
        case.body |= {"accessToken": "x", "code": None, "refreshToken": None, "redirectUri": None}
    for one, other in (("take", "value"), ("accessToken", "refreshToken")):  # of which only one is possible
        if isinstance(case.body, dict) and one in case.body and "provider" not in case.body:
            case.body.pop(other, None)
    if isinstance(case.body, list):
        case.body = [event() | item for item in case.body if isinstance(item, dict)]


@pytest.mark.parametrize("row", [pytest.param(row, id=f"{row.method} {row.path}") for row in ROUTES])
def test_every_route_is_described(row: Row) -> None:
    """Every row of the table is in the description: its parameters, body, role, success and each reason of an error."""
    path = "/".join(f"{{{camel(part[1:-1])}}}" if part[:1] == "{" else part for part in row.path.split("/"))
    operation = DOCUMENT["paths"][path][row.method.lower()]
    assert operation["operationId"] == camel(row.operation)
    assert operation["summary"].endswith((".", ";"))
    assert {item["name"] for item in operation["parameters"] if item["in"] == "path"} == {
        part[1:-1] for part in path.split("/") if part[:1] == "{"
    }
    assert ("requestBody" in operation) == ("body" in row.shape.takes)
    assert (operation["security"] == [{"token": []}]) == (row.role is not None)
    assert set(operation["responses"]) == {str(row.status), *map(str, reasons_of(row))}
    for status, reasons in reasons_of(row).items():
        content = operation["responses"][str(status)]["content"]["application/problem+json"]
        assert content["schema"]["allOf"][1]["properties"]["reason"]["enum"] == reasons


@pytest.mark.anyio
async def test_the_description_is_served() -> None:
    """The description is there for anybody, without a token, and names every path once."""
    async with gateway() as door:
        response = await door.http.get("/openapi.json")
        assert (response.status_code, response.json()) == (200, DOCUMENT)
        assert len(DOCUMENT["paths"]) == len({row.path for row in ROUTES})
        assert sum(len(item) for item in DOCUMENT["paths"].values()) == len(ROUTES)
