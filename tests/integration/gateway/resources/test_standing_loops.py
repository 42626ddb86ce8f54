import time
from typing import Any

import pytest
from integration.gateway.harness import RunningGateway, run_gateway
from leadsync.sync.v1 import loop_pb2

pytestmark = pytest.mark.anyio

CRM = "/api/v1/crm-integration"
AT = 1_782_371_970
ISO = "2026-06-25T07:19:30Z"


def _loop(name: str, **changes: Any) -> loop_pb2.LoopState:
    state = loop_pb2.LoopState(name=name, **changes)
    state.last_success_at.FromSeconds(AT)
    return state


def _failing(name: str, since: int, **changes: Any) -> loop_pb2.LoopState:
    state = _loop(name, reason="crm_refused", **changes)
    state.last_error_at.FromSeconds(since)
    state.failing_since.FromSeconds(since)
    return state


async def _connect(gateway: RunningGateway) -> str:
    created = await gateway.call("POST", CRM, json={"provider": "hubspot", "accessToken": "x"})
    gateway.store.work.known.add(created.json()["id"])
    return str(created.json()["id"])


async def test_the_status_shows_the_loops_of_both_services() -> None:
    """Times, reason and words of the last error are there; fields in the words are spelt as in the API."""
    async with run_gateway() as gateway:
        integration = await _connect(gateway)
        gateway.connector.loops = [_failing("sweep", AT, message="custom_fields.born is no date.")]
        gateway.store.work.loops = [_loop("routing")]
        status = (await gateway.call("GET", f"{CRM}/sync-status?integrationId={integration}", "viewer")).json()
        assert status["loops"] == [
            {
                "name": "sweep",
                "lastSuccessAt": ISO,
                "lastErrorAt": ISO,
                "failingSince": ISO,
                "reason": "crm_refused",
                "message": "customFields.born is no date.",
            },
            {
                "name": "routing",
                "lastSuccessAt": ISO,
                "lastErrorAt": None,
                "failingSince": None,
                "reason": None,
                "message": None,
            },
        ]


async def test_the_status_has_lead_stores_loops_while_crm_connector_is_away() -> None:
    """What is known is shown."""
    async with run_gateway(CRM_CONNECTOR_URL="127.0.0.1:1") as gateway:
        gateway.store.work.known.add("i")
        gateway.store.work.loops = [_loop("routing")]
        status = (await gateway.call("GET", f"{CRM}/sync-status?integrationId=i", "viewer")).json()
        assert ([loop["name"] for loop in status["loops"]], status["runs"]) == (["routing"], None)


async def test_the_doctor_checks_lead_stores_loops() -> None:
    """A failure is a warning at first, and a failed check when it has lasted for a quarter of an hour."""
    async with run_gateway() as gateway:
        path, now = f"{CRM}/{await _connect(gateway)}/check", int(time.time())
        expected = {"routing": "ok", "applying": "warning", "other": "failed"}
        gateway.store.work.loops = [
            _loop("routing"),
            _failing("applying", now - 60, message="Wrong."),
            _failing("other", now - 3600, message="Wrong."),
        ]
        found = (await gateway.call("GET", path)).json()
        checks = {check["name"]: check for check in found["checks"]}
        assert {name: checks[name]["state"] for name in expected} == expected
        assert [bool(checks[name]["fix"]) for name in expected] == [False, True, True]
        assert (found["ok"], "Wrong." in checks["applying"]["finding"]) == (False, True)
