"""How an integration fares: its counters, what is still to do, and the runs in progress."""

import asyncio
from datetime import datetime
from http import HTTPStatus

import grpc
from leadsync.sync.v1 import work_service_pb2 as pb
from leadsync.sync.v1.work_service_pb2_grpc import WorkServiceStub
from msgspec import Struct

from webhook_gateway.resources.loops import Loops, LoopState
from webhook_gateway.resources.only_integration import CHOSEN, IntegrationId, OnlyIntegration
from webhook_gateway.resources.operation import operation
from webhook_gateway.resources.reasons import STORE
from webhook_gateway.resources.runs import Run, RunQuery, Runs
from webhook_gateway.rpc.calls import Client
from webhook_gateway.rpc.errors import ServiceProblem
from webhook_gateway.rpc.messages import plain


class OfIntegration(Struct, rename="camel", forbid_unknown_fields=True):
    """Which integration is asked about."""

    integration_id: IntegrationId = ""


class FromCrm(Struct, rename="camel"):
    """What the CRM's records brought, since the integration began."""

    created: int
    updated: int
    skipped: int
    unlinked: int
    failed: int
    found_by_sweep: int


class ToCrm(Struct, rename="camel"):
    """What was written to the CRM, since the integration began."""

    synced: int
    failed: int


class SyncStatus(Struct, rename="camel"):
    """Counters of one integration, and what is still to do. `runs` are those in progress; null while unknown.

    `loops` are what goes on by itself, as far as it has run; while `runs` are unknown, those of lead-store alone.
    """

    from_crm: FromCrm
    to_crm: ToCrm
    success_rate: float | None
    pending: int
    oldest_pending_seconds: int
    conflicts: int
    failed_work: int
    total_received: int
    last_received_at: datetime | None
    runs: list[Run] | None
    loops: list[LoopState]


class SyncStatuses(Client):
    """Reads the counters of lead-store. Every method raises ServiceProblem."""

    def __init__(self, store: grpc.aio.Channel, runs: Runs, loops: Loops, only: OnlyIntegration) -> None:
        self._stub = WorkServiceStub(store)
        self._loops = loops
        self._runs = runs
        self._only = only

    @operation("GET", "/api/v1/crm-integration/sync-status", *CHOSEN, STORE)
    async def sync_status(self, tenant: str, query: OfIntegration) -> SyncStatus:
        """Get the counters of an integration, what is still to do, the runs in progress, and how its loops fare."""
        integration_id = await self._only.choose(tenant, query.integration_id)
        status, runs, loops = await asyncio.gather(
            self.counters(tenant, integration_id),
            self._running(tenant, integration_id),
            self._loops.known(tenant, integration_id),
        )
        status.runs = runs
        status.loops = [*loops, *status.loops]
        return status

    async def counters(self, tenant: str, integration_id: str) -> SyncStatus:
        """Get the counters of an integration."""
        request = pb.GetSyncStatusRequest(tenant_id=tenant, integration_id=integration_id)
        return _status(await self.call(self._stub.GetSyncStatus, request))

    async def counters_or_zero(self, tenant: str, integration_id: str) -> SyncStatus:
        """Get the counters; all zero as long as lead-store does not know the integration yet."""
        try:
            return await self.counters(tenant, integration_id)
        except ServiceProblem as problem:
            if problem.code is grpc.StatusCode.NOT_FOUND:
                return _status(pb.GetSyncStatusResponse())
            raise

    async def _running(self, tenant: str, integration_id: str) -> list[Run] | None:
        """List the runs in progress; None while crm-connector does not answer, so that the counters are still shown."""
        try:
            page = await self._runs.list_runs(tenant, RunQuery(integration_id=integration_id))
        except ServiceProblem as problem:
            if problem.status < HTTPStatus.INTERNAL_SERVER_ERROR:
                raise
            return None
        return [run for run in page.runs if run.state == "running"]


def _status(answer: pb.GetSyncStatusResponse) -> SyncStatus:
    failed = answer.from_crm_failed + answer.to_crm_failed
    total = answer.decided + failed
    return plain(
        answer,
        SyncStatus,
        from_crm=FromCrm(
            created=answer.from_crm_created,
            updated=answer.from_crm_updated,
            skipped=answer.from_crm_skipped,
            unlinked=answer.from_crm_unlinked,
            failed=answer.from_crm_failed,
            found_by_sweep=answer.found_by_sweep,
        ),
        to_crm=ToCrm(synced=answer.to_crm_synced, failed=answer.to_crm_failed),
        # In percent, two decimals; None before the first.
        success_rate=round(100 * answer.decided / total, 2) if total else None,
        runs=None,
    )
