"""crm-connector's runs: imports and pushes."""

from collections.abc import Sequence

import grpc
from leadsync.integration.v1 import integration_service_pb2 as pb
from leadsync.integration.v1.integration_service_pb2_grpc import IntegrationServiceStub

from webhook_gateway.clients.calls import Client
from webhook_gateway.clients.integrations import paths_of, settings_of
from webhook_gateway.clients.mapping import filled, plain
from webhook_gateway.model.integrations import Proposal
from webhook_gateway.model.work import PlanPage, PlanQuery, Run, RunPage, RunQuery

_ASKS_CRM_SECONDS = 30.0  # proposed settings are checked against the CRM's properties


class RunClient(Client):
    """Starts, watches and cancels runs of one tenant per call. Every method raises RemoteError."""

    service = "connector"

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = IntegrationServiceStub(channel)

    async def start_import(
        self, tenant: str, integration_id: str, request_id: str, proposed: Proposal | None = None, *, dry_run: bool
    ) -> Run:
        """Start an import of all records, or plan it, also with other settings.

        The same `request_id` again returns the first run.
        """
        request = pb.StartImportRequest(
            tenant_id=tenant, integration_id=integration_id, request_id=request_id, dry_run=dry_run
        )
        if proposed is not None and (paths := paths_of(proposed)):
            request.proposed.CopyFrom(settings_of(proposed))
            request.proposed_mask.paths.extend(paths)
        return plain((await self.call(self._stub.StartImport, request, _ASKS_CRM_SECONDS)).run, Run)

    async def start_push(
        self, tenant: str, integration_id: str, lead_ids: Sequence[str], request_id: str, *, dry_run: bool
    ) -> Run:
        """Start a push of these leads, or of all if there are none, or plan it; repeats as with an import."""
        request = pb.StartPushRequest(
            tenant_id=tenant,
            integration_id=integration_id,
            request_id=request_id,
            lead_ids=lead_ids,
            dry_run=dry_run,
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

    async def list_plan(self, tenant: str, run_id: str, query: PlanQuery) -> PlanPage:
        """List what a dry run found, record by record; kept for seven days."""
        request = filled(pb.ListPlannedRecordsRequest(tenant_id=tenant, run_id=run_id), query)
        return plain(await self.call(self._stub.ListPlannedRecords, request), PlanPage)

    async def cancel_run(self, tenant: str, run_id: str) -> Run:
        """Cancel an import or a push; what it has begun is finished."""
        request = pb.CancelRunRequest(tenant_id=tenant, run_id=run_id)
        return plain((await self.call(self._stub.CancelRun, request)).run, Run)
