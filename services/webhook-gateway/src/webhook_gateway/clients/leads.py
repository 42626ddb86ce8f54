"""lead-store's leads."""

import grpc
import msgspec
from google.protobuf.field_mask_pb2 import FieldMask
from leadsync.lead.v1 import lead_pb2
from leadsync.lead.v1 import lead_service_pb2 as pb
from leadsync.lead.v1.lead_service_pb2_grpc import LeadServiceStub

from webhook_gateway.clients.calls import Client
from webhook_gateway.clients.mapping import filled, number, plain
from webhook_gateway.model.basics import Tagged
from webhook_gateway.model.history import History, HistoryQuery
from webhook_gateway.model.leads import Lead, LeadEnd, LeadFields, LeadPage, LeadQuery


class LeadClient(Client):
    """Reads and writes leads of one tenant per call. Every method raises RemoteError."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = LeadServiceStub(channel)

    async def create_lead(self, tenant: str, body: LeadFields, request_id: str, actor: str) -> Tagged[Lead]:
        """Create a lead; the same `Idempotency-Key` again returns the first one."""
        lead, _ = _message(body)
        request = pb.CreateLeadRequest(tenant_id=tenant, request_id=request_id, lead=lead, actor=actor)
        return _tagged((await self.call(self._stub.CreateLead, request)).lead)

    async def get_lead(self, tenant: str, lead_id: str) -> Tagged[Lead]:
        """Get a lead."""
        request = pb.GetLeadRequest(tenant_id=tenant, lead_id=lead_id)
        return _tagged((await self.call(self._stub.GetLead, request)).lead)

    async def list_leads(self, tenant: str, query: LeadQuery) -> LeadPage:
        """List leads, oldest first; with `email`, only those that have it."""
        request = filled(pb.ListLeadsRequest(tenant_id=tenant), query)
        return plain(await self.call(self._stub.ListLeads, request), LeadPage)

    async def update_lead(self, tenant: str, lead_id: str, body: LeadFields, etag: str, actor: str) -> Tagged[Lead]:
        """Change a lead: fields that are absent stay; custom fields are set one by one."""
        lead, paths = _message(body)
        request = pb.UpdateLeadRequest(
            tenant_id=tenant, lead_id=lead_id, lead=lead, update_mask=FieldMask(paths=paths), etag=etag, actor=actor
        )
        return _tagged((await self.call(self._stub.UpdateLead, request)).lead)

    async def delete_lead(self, tenant: str, lead_id: str, query: LeadEnd, etag: str, actor: str) -> None:
        """Delete a lead; its CRM records follow each integration's policy, those of a converted or merged one stay."""
        request = pb.DeleteLeadRequest(
            tenant_id=tenant,
            lead_id=lead_id,
            etag=etag,
            actor=actor,
            reason=number(pb.EndReason, query.reason),
            merged_into_lead_id=query.into,
        )
        await self.call(self._stub.DeleteLead, request)

    async def list_history(self, tenant: str, lead_id: str, query: HistoryQuery) -> History:
        """List what was decided on a lead and why, newest first; a deleted lead has a history too."""
        request = filled(pb.ExplainLeadRequest(tenant_id=tenant, lead_id=lead_id), query)
        return plain(await self.call(self._stub.ExplainLead, request), History)


def _message(fields: LeadFields) -> tuple[lead_pb2.Lead, list[str]]:
    """Make a lead of the fields that are given, and the paths of them; a blank one is named by its path alone."""
    given = {name: value for name, value in msgspec.structs.asdict(fields).items() if value is not msgspec.UNSET}
    custom = given.pop("custom_fields", {})
    lead = lead_pb2.Lead(
        **{name: value for name, value in given.items() if value},
        custom_fields={name: value for name, value in custom.items() if value},
    )
    return lead, [*given, *(f"custom_fields.{name}" for name in custom)]


def _tagged(lead: lead_pb2.Lead) -> Tagged[Lead]:
    return Tagged(plain(lead, Lead), lead.etag)
