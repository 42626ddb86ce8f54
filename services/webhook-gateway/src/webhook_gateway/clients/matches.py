"""lead-store's matches and duplicates: who is who, as far as only a person can tell."""

import grpc
from leadsync.sync.v1 import sync_service_pb2 as pb
from leadsync.sync.v1.sync_service_pb2_grpc import SyncServiceStub
from msgspec import UNSET

from webhook_gateway.clients.calls import Client
from webhook_gateway.clients.mapping import filled, plain
from webhook_gateway.model.matches import DuplicatePage, MatchPage, MatchQuery, Pick


class MatchClient(Client):
    """Lists and settles matches of one tenant per call. Every method raises RemoteError."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = SyncServiceStub(channel)

    async def list_matches(self, tenant: str, query: MatchQuery) -> MatchPage:
        """List records that match several leads, or one that is linked elsewhere, and wait for a person."""
        request = filled(pb.ListMatchesRequest(tenant_id=tenant), query)
        return plain(await self.call(self._stub.ListMatches, request), MatchPage)

    async def pick(self, tenant: str, choice: Pick, actor: str) -> None:
        """Say whose a record is; without a lead it becomes a new one."""
        request = pb.PickMatchRequest(
            tenant_id=tenant,
            integration_id=choice.integration_id,
            record_id=choice.record_id,
            etag=choice.etag,
            actor=actor,
        )
        if choice.lead_id is UNSET:
            request.create_new = True
        else:
            request.lead_id = choice.lead_id
        await self.call(self._stub.PickMatch, request)

    async def list_duplicates(self, tenant: str, query: MatchQuery) -> DuplicatePage:
        """List leads that seem to be one person, since their records were merged in the CRM."""
        request = filled(pb.ListDuplicatesRequest(tenant_id=tenant), query)
        return plain(await self.call(self._stub.ListDuplicates, request), DuplicatePage)
