"""The doctor: what a sync needs, what is wrong, and what to do about it."""

import asyncio
from datetime import UTC, datetime

import grpc
from leadsync.integration.v1 import integration_service_pb2 as pb
from leadsync.integration.v1.integration_service_pb2_grpc import IntegrationServiceStub
from msgspec import Struct

from webhook_gateway.providers.base import Check, Registry
from webhook_gateway.providers.registry import find_provider
from webhook_gateway.resources.integrations import ONE
from webhook_gateway.resources.loops import checks_of
from webhook_gateway.resources.operation import operation
from webhook_gateway.resources.reasons import CONNECTOR, CRM, NO_INTEGRATION, STORE
from webhook_gateway.resources.sync_status import SyncStatus, SyncStatuses
from webhook_gateway.rpc.calls import Client
from webhook_gateway.rpc.messages import plain
from webhook_gateway.rpc.names import http_text


class CheckUp(Struct, rename="camel"):
    """What the doctor found; `ok` if no check failed."""

    checks: list[Check]
    ok: bool


class Checks(Client):
    """Checks an integration, together with crm-connector. Every operation raises ServiceProblem."""

    service = "connector"
    seconds = 30.0  # a CRM is called meanwhile

    def __init__(self, connector: grpc.aio.Channel, statuses: SyncStatuses, registry: Registry) -> None:
        self._stub = IntegrationServiceStub(connector)
        self._statuses = statuses
        self._registry = registry

    @operation("GET", f"{ONE}/check", NO_INTEGRATION, CONNECTOR, CRM, STORE)
    async def check_integration(self, tenant: str, integration_id: str) -> CheckUp:
        """Check everything that a sync needs, and say what is wrong and what to do."""
        of_one = {"tenant_id": tenant, "integration_id": integration_id}
        answer, status, got = await asyncio.gather(
            self.call(self._stub.CheckIntegration, pb.CheckIntegrationRequest(**of_one)),
            self._statuses.counters_or_zero(tenant, integration_id),
            self.call(self._stub.GetIntegration, pb.GetIntegrationRequest(**of_one)),
        )
        found = [
            plain(item, Check, finding=http_text(item.finding), fix=http_text(item.fix) or None)
            for item in answer.checks
        ]
        provider = find_provider(self._registry, got.integration.provider)
        loops = checks_of(status.loops, datetime.now(UTC))
        of_gateway = [provider.check(got.integration.app_id), _deliveries(status), *loops]
        known = {check.name for check in found}
        checks = [*found, *(check for check in of_gateway if check.name not in known)]
        return CheckUp(checks, ok=all(check.state != "failed" for check in checks))


def _deliveries(status: SyncStatus) -> Check:
    if status.last_received_at is None:
        fix = "Change a record in the CRM; if nothing arrives, compare the address that the CRM calls with `url`."
        return Check("deliveries", "warning", "No webhook has arrived yet.", fix)
    at = f"{status.last_received_at:%Y-%m-%d %H:%M:%S} UTC"
    return Check("deliveries", "ok", f"{status.total_received} events have arrived, the last one at {at}.")
