from typing import Any

import pytest
from integration.gateway.harness import RunningGateway, run_gateway

pytestmark = pytest.mark.anyio

CRM = "/api/v1/crm-integration"
WITHOUT_ID = [
    pytest.param("POST", "/api/v1/work/redrive", id="redrive"),
    pytest.param("POST", f"{CRM}/import", id="import"),
    pytest.param("POST", f"{CRM}/sync-leads", id="push"),
    pytest.param("GET", f"{CRM}/sync-status", id="status"),
    pytest.param("GET", "/api/v1/leads?recordId=7", id="leads"),
]


async def _connect(gateway: RunningGateway) -> str:
    created = await gateway.call("POST", CRM, json={"provider": "hubspot", "accessToken": "x"})
    return str(created.json()["id"])


@pytest.mark.parametrize(("method", "path"), WITHOUT_ID)
async def test_the_only_integration_needs_no_id(method: str, path: str) -> None:
    """A request that names no integration is about the tenant's only one; with none or several it is refused."""
    body: dict[str, Any] = {"json": {}} if method == "POST" else {}
    async with run_gateway() as gateway:
        none = await gateway.call(method, path, **body)
        assert (none.status_code, none.json()["reason"]) == (404, "integration_not_found")

        only = await _connect(gateway)
        gateway.store.work.known.add(only)
        assert (await gateway.call(method, path, **body)).status_code in {200, 202}
        named = [
            *(request.integration_id for request in gateway.store.work.redriven),
            *(request.integration_id for request in gateway.store.leads.listed),
            *(request.integration_id for request in gateway.connector.imports),
            *(request.integration_id for request in gateway.connector.pushes),
        ]
        assert named == ([] if path.endswith("sync-status") else [only])

        await _connect(gateway)
        several = await gateway.call(method, path, **body)
        assert (several.status_code, several.json()["reason"]) == (400, "integration_required")
        assert [error["field"] for error in several.json()["errors"]] == ["integrationId"]


async def test_a_named_integration_is_not_looked_up() -> None:
    """Work can be made due again while crm-connector is away, if the integration is named."""
    async with run_gateway(CRM_CONNECTOR_URL="127.0.0.1:1") as gateway:
        named = await gateway.call("POST", "/api/v1/work/redrive", json={"integrationId": "i"})
        assert (named.status_code, named.json()) == (200, {"queued": 3})
        unnamed = await gateway.call("POST", "/api/v1/work/redrive", json={})
        assert (unnamed.status_code, unnamed.json()["reason"]) == (503, "connector_unavailable")
