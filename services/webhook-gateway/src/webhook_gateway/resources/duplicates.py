"""Leads that seem to be one person."""

import grpc
from leadsync.sync.v1 import match_service_pb2 as pb
from leadsync.sync.v1.match_service_pb2_grpc import MatchServiceStub
from msgspec import Struct

from webhook_gateway.resources.basics import Paging
from webhook_gateway.resources.operation import operation
from webhook_gateway.resources.reasons import PAGES, STORE
from webhook_gateway.rpc.calls import Client
from webhook_gateway.rpc.messages import filled, plain


class DuplicateQuery(Paging):
    """Whose duplicates are asked for."""

    integration_id: str = ""


class Duplicate(Struct, rename="camel"):
    """Two leads whose records were merged in the CRM: `leadId` has the survivor, `duplicateLeadId` lost its own."""

    integration_id: str
    record_id: str
    lead_id: str
    duplicate_lead_id: str


class DuplicatePage(Struct, rename="camel"):
    """Some pairs."""

    duplicates: list[Duplicate]
    next_page_token: str | None


class Duplicates(Client):
    """Lists duplicates of lead-store. Every operation raises ServiceProblem."""

    def __init__(self, store: grpc.aio.Channel) -> None:
        self._stub = MatchServiceStub(store)

    @operation("GET", "/api/v1/duplicates", PAGES, STORE)
    async def list_duplicates(self, tenant: str, query: DuplicateQuery) -> DuplicatePage:
        """List leads that seem to be one person, since their records were merged in the CRM."""
        request = filled(pb.ListDuplicatesRequest(tenant_id=tenant), query)
        return plain(await self.call(self._stub.ListDuplicates, request), DuplicatePage)
