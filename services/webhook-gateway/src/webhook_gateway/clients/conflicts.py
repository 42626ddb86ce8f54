"""lead-store's conflicts: what waits for people, and what they decide."""

import grpc
from leadsync.sync.v1 import sync_service_pb2 as pb
from leadsync.sync.v1.sync_service_pb2_grpc import SyncServiceStub
from msgspec import UNSET

from webhook_gateway.clients.calls import Client
from webhook_gateway.clients.mapping import filled, number, plain
from webhook_gateway.clients.names import inner_field
from webhook_gateway.model.conflicts import (
    BulkResolution,
    BulkResolved,
    ConflictPage,
    ConflictQuery,
    Resolution,
    Resolved,
    Undone,
)

_BULK_SECONDS = 60.0  # up to 1,000 conflicts, each in a transaction of its own


class ConflictClient(Client):
    """Lists and settles conflicts of one tenant per call. Every method raises RemoteError."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = SyncServiceStub(channel)

    async def list_conflicts(self, tenant: str, query: ConflictQuery) -> ConflictPage:
        """List fields that wait for a person, one page of leads at a time."""
        request = filled(pb.ListConflictsRequest(tenant_id=tenant), query)
        return plain(await self.call(self._stub.ListConflicts, request), ConflictPage)

    async def resolve(self, tenant: str, choice: Resolution, actor: str) -> Resolved:
        """Settle one conflict; `value` counts unless a side is taken."""
        request = pb.ResolveConflictRequest(
            tenant_id=tenant,
            lead_id=choice.lead_id,
            integration_id=choice.integration_id,
            field=inner_field(choice.field),
            etag=choice.etag,
            actor=actor,
        )
        if choice.take is UNSET:
            request.value = choice.value or ""
        else:
            request.take = number(pb.Side, choice.take)
        return plain(await self.call(self._stub.ResolveConflict, request), Resolved)

    async def resolve_conflicts(self, tenant: str, body: BulkResolution, actor: str) -> BulkResolved:
        """Settle up to 1,000 conflicts of one field the same way; ask again while there are more."""
        request = pb.ResolveConflictsRequest(
            tenant_id=tenant,
            integration_id=body.integration_id,
            field=inner_field(body.field),
            take=number(pb.Side, body.take),
            actor=actor,
        )
        return plain(await self.call(self._stub.ResolveConflicts, request, _BULK_SECONDS), BulkResolved)

    async def undo_decision(self, tenant: str, decision_id: str, actor: str) -> Undone:
        """Set what a decision changed on a lead back, as an ordinary edit; possible for 90 days."""
        request = pb.UndoDecisionRequest(tenant_id=tenant, decision_id=decision_id, actor=actor)
        return plain(await self.call(self._stub.UndoDecision, request), Undone)
