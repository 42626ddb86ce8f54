"""crm-connector's runs: imports and pushes."""

from collections.abc import Sequence

import grpc
from leadsync.integration.v1 import integration_service_pb2 as pb
from leadsync.integration.v1.integration_service_pb2_grpc import IntegrationServiceStub

from webhook_gateway.clients.calls import Client
from webhook_gateway.clients.mapping import filled, plain
from webhook_gateway.model.work import Run, RunPage, RunQuery


class RunClient(Client):
    """Starts, watches and cancels runs of one tenant per call. Every method raises RemoteError."""

    service = "connector"

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = IntegrationServiceStub(channel)

    async def start_import(self, tenant: str, integration_id: str, request_id: str) -> Run:
        """Start an import of all records; the same `request_id` again returns the first run."""
        request = pb.StartImportRequest(tenant_id=tenant, integration_id=integration_id, request_id=request_id)
        return plain((await self.call(self._stub.StartImport, request)).run, Run)

    async def start_push(self, tenant: str, integration_id: str, lead_ids: Sequence[str], request_id: str) -> Run:
        """Start a push of these leads, or of all if there are none; repeats as with an import."""
        request = pb.StartPushRequest(
            tenant_id=tenant, integration_id=integration_id, request_id=request_id, lead_ids=lead_ids
        )
        return plain((await self.call(self._stub.StartPush, request)).run, Run)

    async def get_run(self, tenant: str, run_id: str) -> Run:
        """Get an import or a push, and how far it is."""
        request = pb.GetRunRequest(tenant_id=tenant, run_id=run_id)
        return plain((await self.call(self._stub.GetRun, request)).run, Run)

    async def list_runs(self, tenant: str, query: RunQuery) -> RunPage:
        """List imports and pushes, newest first."""
        request = filled(pb.ListRunsRequest(tenant_id=tenant), query)
        return plain(await self.call(self._stub.ListRuns, request), RunPage)

    async def cancel_run(self, tenant: str, run_id: str) -> Run:
        """Cancel an import or a push; what it has begun is finished."""
        request = pb.CancelRunRequest(tenant_id=tenant, run_id=run_id)
        return plain((await self.call(self._stub.CancelRun, request)).run, Run)
