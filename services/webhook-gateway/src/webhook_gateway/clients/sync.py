"""lead-store's work: how far it is, and making some of it due."""

from collections.abc import Sequence

import grpc
from leadsync.sync.v1 import sync_service_pb2 as pb
from leadsync.sync.v1.sync_service_pb2_grpc import SyncServiceStub

from webhook_gateway.clients.calls import call
from webhook_gateway.clients.words import WORK_STATE_WORDS, WORK_STATES, time_of
from webhook_gateway.model import Page, PageQuery, SyncStatus, Work

_SERVICE = "store"


class SyncClient:
    """Watches and nudges the work of one tenant per call. Every method raises RemoteError."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = SyncServiceStub(channel)

    async def status(self, tenant: str, integration_id: str) -> SyncStatus:
        """Get the counters of an integration."""
        request = pb.GetSyncStatusRequest(tenant_id=tenant, integration_id=integration_id)
        answer = await call(self._stub.GetSyncStatus, request, service=_SERVICE)
        return SyncStatus(
            created=answer.from_crm_created,
            updated=answer.from_crm_updated,
            skipped=answer.from_crm_skipped,
            unlinked=answer.from_crm_unlinked,
            from_crm_failed=answer.from_crm_failed,
            synced=answer.to_crm_synced,
            to_crm_failed=answer.to_crm_failed,
            pending=answer.pending,
            oldest_pending_seconds=answer.oldest_pending_seconds,
            conflicts=answer.conflicts,
            failed_work=answer.failed_work,
            total_received=answer.total_received,
            last_received_at=time_of(answer, "last_received_at"),
            decided=answer.decided,
        )

    async def push_leads(self, tenant: str, integration_id: str, lead_ids: Sequence[str]) -> int:
        """Make leads due; returns how many lanes that were."""
        request = pb.RequestSyncRequest(tenant_id=tenant, integration_id=integration_id, lead_ids=lead_ids)
        return (await call(self._stub.RequestSync, request, service=_SERVICE)).queued

    async def redrive(self, tenant: str, integration_id: str) -> int:
        """Make all failed work of an integration due again; returns how many lanes that were."""
        request = pb.RequestSyncRequest(tenant_id=tenant, integration_id=integration_id, failed=True)
        return (await call(self._stub.RequestSync, request, service=_SERVICE)).queued

    async def list_work(self, tenant: str, page: PageQuery, *, integration_id: str, state: str) -> Page[Work]:
        """List work that is not idle; `state` is a word or empty for all."""
        request = pb.ListWorkRequest(
            tenant_id=tenant,
            integration_id=integration_id,
            state=WORK_STATES[state] if state else pb.WORK_STATE_UNSPECIFIED,
            page_size=page.size,
            page_token=page.token,
        )
        answer = await call(self._stub.ListWork, request, service=_SERVICE)
        return Page([_work(item) for item in answer.work], answer.next_page_token or None)


def _work(item: pb.Work) -> Work:
    return Work(
        id=item.lane_id,
        integration_id=item.integration_id,
        state=WORK_STATE_WORDS.get(item.state, "unknown"),
        record_id=item.record_id or None,
        lead_id=item.lead_id or None,
        due_at=time_of(item, "due_at"),
        attempts=item.attempts,
        reason=item.reason or None,
    )
