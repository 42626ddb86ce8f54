import asyncio
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from integration.gateway.harness import RunningGateway, event, run_gateway, token
from leadsync.lead.v1 import lead_field_pb2
from leadsync.sync.v1 import conflict_service_pb2, match_service_pb2
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS
from schemathesis.core.result import Ok
from sizes import FULL
from webhook_gateway.http.api import OPERATIONS as DECLARED
from webhook_gateway.http.openapi import describe, described_path, reasons_of
from webhook_gateway.http.roles import role_of
from webhook_gateway.resources.operation import Operation
from webhook_gateway.rpc.names import camel

DOCUMENT: dict[str, Any] = json.loads(describe(DECLARED))
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
EXAMPLES = 32 if FULL else 12  # per operation
BUSY = {"start_import"}  # one is running already


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[str, dict[str, str]]]:
    """Run a gateway that accepts unsigned webhooks, in a thread; its address, and ids of what is there."""
    ready, stop = threading.Event(), threading.Event()
    found: list[tuple[str, dict[str, str]]] = []

    async def serve() -> None:
        async with run_gateway(HUBSPOT_CLIENT_SECRET="", LEADSYNC_ALLOW_UNSIGNED="1") as gateway:
            found.append((str(gateway.http.base_url), await _fill(gateway)))
            ready.set()
            await asyncio.to_thread(stop.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert ready.wait(20)
    yield found[0]
    stop.set()
    thread.join(20)


async def _fill(gateway: RunningGateway) -> dict[str, str]:
    lead = await gateway.call("POST", "/api/v1/leads", json={"email": "ann@example.com"})
    new = {"provider": "hubspot", "accessToken": "x"}
    integration = (await gateway.call("POST", "/api/v1/crm-integration", json=new)).json()["id"]
    trial = {"integrationId": integration, "dryRun": True}
    run = await gateway.call("POST", "/api/v1/crm-integration/import", json=trial)
    await gateway.http.post("/api/v1/webhooks/hubspot", json=[event()])
    gateway.store.lead_fields.declare("revenue", lead_field_pb2.FIELD_TYPE_NUMBER)
    gateway.store.work.known.add(integration)
    conflict = {"lead_id": lead.json()["id"], "integration_id": integration, "etag": "e"}
    for field in ("phone", "custom_fields.a_b"):
        gateway.store.conflicts.conflicts.append(conflict_service_pb2.Conflict(field=field, base="", **conflict))
    gateway.store.matches.matches.append(match_service_pb2.Match(integration_id=integration, record_id="7", etag="e"))
    return {
        "leadId": lead.json()["id"],
        "integrationId": integration,
        "runId": run.json()["runId"],
        "deliveryKey": next(iter(gateway.store.inbox.kept)),
        "provider": "hubspot",
        "decisionId": "decision",
        "recordId": "7",
        "field": "phone",
        "etag": "e",
        "name": "revenue",
    }


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_api_is_as_described(operation: Any, running: tuple[str, dict[str, str]]) -> None:
    """Whatever is sent, no request breaks the gateway, every answer is described, and some request succeeds."""
    item = next(item for item in DECLARED if camel(item.name) == operation.definition.raw["operationId"])
    takes = bool(item.shape.takes or item.body)
    modes = list(GenerationMode) if takes else [GenerationMode.POSITIVE]  # what it takes, and anything else
    statuses = _statuses(operation, running, modes, st.booleans())
    if item.status not in statuses:
        statuses |= _statuses(operation, running, [GenerationMode.POSITIVE], st.just(value=True))
    assert item.status in statuses or item.name in BUSY


def _statuses(
    operation: Any, running: tuple[str, dict[str, str]], modes: list[GenerationMode], realness: st.SearchStrategy[bool]
) -> set[int]:
    """Make requests, check their answers, and collect their statuses."""
    url, known = running
    found: set[int] = set()

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=st.one_of([operation.as_strategy(generation_mode=mode) for mode in modes]), real=realness)
    def conforms(case: Any, *, real: bool) -> None:
        if real:
            _make_real(case, known)
        response = case.call(base_url=url, headers={"authorization": f"Bearer {token('admin')}"})
        found.add(response.status_code)
        checks = CONFORM[1:] if response.status_code == 501 else CONFORM  # 501 is an answer, nothing is broken
        case.validate_response(response, checks=checks)

    conforms()
    return found


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
    if isinstance(case.body, dict) and isinstance(case.body.get("customFields"), dict):  # no field is declared
        case.body["customFields"] = {k: v for k, v in case.body["customFields"].items() if isinstance(v, str)}
    if isinstance(case.body, list):
        case.body = [event() | item for item in case.body if isinstance(item, dict)]


@pytest.mark.parametrize("item", [pytest.param(item, id=f"{item.method} {item.path}") for item in DECLARED])
def test_every_operation_is_described(item: Operation) -> None:
    """Every operation is in the description: parameters, body, role, success and each reason of an error."""
    path = described_path(item.path)
    operation = DOCUMENT["paths"][path][item.method.lower()]
    assert operation["operationId"] == camel(item.name)
    assert operation["summary"].endswith((".", ";"))
    assert {part["name"] for part in operation["parameters"] if part["in"] == "path"} == {
        part[1:-1] for part in path.split("/") if part[:1] == "{"
    }
    assert ("requestBody" in operation) == bool(item.body)
    assert (operation["security"] == [{"token": []}]) == (role_of(item.name) is not None)
    assert set(operation["responses"]) == {str(item.status), *map(str, reasons_of(item))}
    for status, reasons in reasons_of(item).items():
        content = operation["responses"][str(status)]["content"]["application/problem+json"]
        assert content["schema"]["allOf"][1]["properties"]["reason"]["enum"] == reasons


@pytest.mark.anyio
async def test_the_description_is_served() -> None:
    """The description is public, and names every path once."""
    async with run_gateway() as gateway:
        response = await gateway.http.get("/openapi.json")
        assert (response.status_code, response.json()) == (200, DOCUMENT)
        assert len(DOCUMENT["paths"]) == len({item.path for item in DECLARED})
        assert sum(len(path) for path in DOCUMENT["paths"].values()) == len(DECLARED)
