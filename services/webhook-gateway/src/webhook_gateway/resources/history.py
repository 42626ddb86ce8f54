"""The history of a lead: how it got its values."""

from datetime import datetime

import grpc
from leadsync.lead.v1 import lead_service_pb2 as pb
from leadsync.lead.v1.lead_service_pb2_grpc import LeadServiceStub
from msgspec import UNSET, Struct, UnsetType

from webhook_gateway.resources.basics import Paging
from webhook_gateway.resources.conflicts import Side
from webhook_gateway.resources.operation import operation
from webhook_gateway.resources.reasons import NO_LEAD, PAGES, STORE
from webhook_gateway.rpc.calls import Client
from webhook_gateway.rpc.messages import filled, plain
from webhook_gateway.rpc.names import LeadField


class HistoryQuery(Paging):
    """Which decisions on a lead are asked for: all, or those that changed a field."""

    field: LeadField | UnsetType = UNSET


class FieldExplanation(Struct, rename="camel"):
    """One value that a decision changed: on which side, from what to what, and why in plain words."""

    field: LeadField
    side: Side
    before: str | None
    after: str | None
    because: str | None


class Explanation(Struct, rename="camel"):
    """One decision on a lead. `eventSource` is who changed the record, in the CRM's words."""

    decision_id: str
    decided_at: datetime | None
    outcome: str
    actor: str | None
    integration_id: str | None
    record_id: str | None
    reason: str | None
    event_source: str | None
    fields: list[FieldExplanation]


class History(Struct, rename="camel"):
    """Decisions on a lead, newest first."""

    explanations: list[Explanation]
    next_page_token: str | None


class Histories(Client):
    """Reads the decisions of lead-store. Every operation raises ServiceProblem."""

    def __init__(self, store: grpc.aio.Channel) -> None:
        self._stub = LeadServiceStub(store)

    @operation("GET", "/api/v1/leads/{lead_id}/history", NO_LEAD, PAGES, STORE)
    async def list_history(self, tenant: str, lead_id: str, query: HistoryQuery) -> History:
        """List what was decided on a lead and why, newest first; a deleted lead has a history too."""
        request = filled(pb.ExplainLeadRequest(tenant_id=tenant, lead_id=lead_id), query)
        return plain(await self.call(self._stub.ExplainLead, request), History)
