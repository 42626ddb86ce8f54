"""lead-store's work: how far it is, and making some of it due."""

import grpc
from leadsync.sync.v1 import sync_service_pb2 as pb
from leadsync.sync.v1.sync_service_pb2_grpc import SyncServiceStub

from webhook_gateway.clients.calls import Client
from webhook_gateway.clients.errors import RemoteError
from webhook_gateway.clients.mapping import filled, plain
from webhook_gateway.model.work import FromCrm, Redrive, SyncStatus, ToCrm, WorkPage, WorkQuery


class SyncClient(Client):
    """Watches and nudges the work of one tenant per call. Every method raises RemoteError."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = SyncServiceStub(channel)

    async def status(self, tenant: str, integration_id: str) -> SyncStatus:
        """Get the counters of an integration."""
        request = pb.GetSyncStatusRequest(tenant_id=tenant, integration_id=integration_id)
        return _status(await self.call(self._stub.GetSyncStatus, request))

    async def status_or_zero(self, tenant: str, integration_id: str) -> SyncStatus:
        """Get the counters; all zero while lead-store has not yet been told of the integration."""
        try:
            return await self.status(tenant, integration_id)
        except RemoteError as error:
            if error.code is grpc.StatusCode.NOT_FOUND:
                return _status(pb.GetSyncStatusResponse())
            raise

    async def redrive(self, tenant: str, wanted: Redrive) -> int:
        """Make failed work due again, or only count it; returns how many work items that were."""
        request = pb.RequestSyncRequest(
            tenant_id=tenant,
            integration_id=wanted.integration_id,
            failed=True,
            reason=wanted.reason,
            work_item_ids=wanted.work_item_ids or (),
            dry_run=wanted.dry_run,
            per_second=wanted.per_second,
        )
        return (await self.call(self._stub.RequestSync, request)).queued

    async def list_work(self, tenant: str, query: WorkQuery) -> WorkPage:
        """List what is due, leased or failed, and why."""
        request = filled(pb.ListWorkRequest(tenant_id=tenant), query)
        return plain(await self.call(self._stub.ListWork, request), WorkPage)


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
