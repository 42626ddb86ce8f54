# ruff: noqa: N802  the contracts name the methods
"""A double of lead-store's LeadService."""

import uuid

from google.rpc import code_pb2  # type: ignore[import-untyped, unused-ignore]
from integration.gateway.doubles.status import Context, fail
from leadsync.lead.v1 import lead_pb2
from leadsync.lead.v1 import lead_service_pb2 as pb
from leadsync.lead.v1.lead_service_pb2_grpc import LeadServiceServicer


class FakeLeads(LeadServiceServicer):
    """Leads of all tenants in a dict; enough of the rules to see what the gateway makes of them."""

    def __init__(self) -> None:
        self.leads: dict[tuple[str, str], lead_pb2.Lead] = {}
        self.requests: dict[tuple[str, str], str] = {}
        self.actors: list[str] = []
        self.masks: list[list[str]] = []
        self.ended: list[pb.DeleteLeadRequest] = []
        self.listed: list[pb.ListLeadsRequest] = []
        self.explained: list[pb.ExplainLeadRequest] = []

    async def _get(self, context: Context, tenant: str, lead_id: str) -> lead_pb2.Lead:
        lead = self.leads.get((tenant, lead_id))
        if lead is None:
            await fail(context, code_pb2.NOT_FOUND, "lead_not_found", "the tenant has no such lead")
        return lead

    async def CreateLead(self, request: pb.CreateLeadRequest, context: Context) -> pb.CreateLeadResponse:
        """Create, once per request id."""
        lead = request.lead
        if not (lead.email or lead.first_name or lead.last_name):
            fields = ("lead.first_name", "lead.custom_fields.a_b")
            await fail(context, code_pb2.INVALID_ARGUMENT, "invalid_field", "a lead needs a name", *fields)
        self.actors.append(request.actor)
        known = self.requests.get((request.tenant_id, request.request_id)) if request.request_id else None
        if known is None:
            lead.lead_id = str(uuid.uuid4())
            lead.etag = "1"
            lead.crm_metadata.source_system = "jazzaam"
            lead.created_at.GetCurrentTime()
            self.leads[request.tenant_id, lead.lead_id] = lead
            self.requests[request.tenant_id, request.request_id] = known = lead.lead_id
        return pb.CreateLeadResponse(lead=self.leads[request.tenant_id, known])

    async def GetLead(self, request: pb.GetLeadRequest, context: Context) -> pb.GetLeadResponse:
        """Get."""
        return pb.GetLeadResponse(lead=await self._get(context, request.tenant_id, request.lead_id))

    async def ListLeads(self, request: pb.ListLeadsRequest, context: Context) -> pb.ListLeadsResponse:
        """List one page; the token is the number of leads before it."""
        if request.page_token and not request.page_token.isdecimal():
            await fail(
                context, code_pb2.INVALID_ARGUMENT, "page_token", "use the token of the page before", "page_token"
            )
        if len(request.record_id) > 128:
            await fail(context, code_pb2.INVALID_ARGUMENT, "invalid_field", "longer than 128 characters", "record_id")
        mine = [lead for (tenant, _), lead in self.leads.items() if tenant == request.tenant_id]
        found = [lead for lead in mine if not request.email or lead.email == request.email]
        self.listed.append(request)
        start = int(request.page_token or "0")
        end = start + (request.page_size or 50)
        return pb.ListLeadsResponse(leads=found[start:end], next_page_token=str(end) if end < len(found) else "")

    async def UpdateLead(self, request: pb.UpdateLeadRequest, context: Context) -> pb.UpdateLeadResponse:
        """Set the masked fields."""
        if not request.update_mask.paths:
            await fail(context, code_pb2.INVALID_ARGUMENT, "invalid_field", "name the fields", "update_mask")
        lead = await self._get(context, request.tenant_id, request.lead_id)
        if request.etag and request.etag != lead.etag:
            await fail(context, code_pb2.ABORTED, "stale_etag", "the lead has moved on")
        self.masks.append(list(request.update_mask.paths))
        for path in request.update_mask.paths:
            head, _, name = path.partition(".")
            if name:
                lead.custom_fields[name] = request.lead.custom_fields[name]
            else:
                setattr(lead, head, getattr(request.lead, head))
        lead.etag = str(int(lead.etag) + 1)
        return pb.UpdateLeadResponse(lead=lead)

    async def DeleteLead(self, request: pb.DeleteLeadRequest, context: Context) -> pb.DeleteLeadResponse:
        """Delete."""
        lead = await self._get(context, request.tenant_id, request.lead_id)
        if request.etag and request.etag != lead.etag:
            await fail(context, code_pb2.ABORTED, "stale_etag", "the lead has moved on")
        if request.merged_into_lead_id == request.lead_id:
            await fail(context, code_pb2.INVALID_ARGUMENT, "invalid_field", "names another lead", "merged_into_lead_id")
        self.ended.append(request)
        del self.leads[request.tenant_id, request.lead_id]
        return pb.DeleteLeadResponse()

    async def ExplainLead(self, request: pb.ExplainLeadRequest, context: Context) -> pb.ExplainLeadResponse:
        """Explain one decision on two fields; what was asked for is remembered."""
        await self._get(context, request.tenant_id, request.lead_id)
        self.explained.append(request)
        found = pb.Explanation(
            decision_id="decision",
            outcome="updated",
            actor="i",
            integration_id="i",
            record_id="7",
            event_source="CRM_UI:userId:7",
        )
        found.decided_at.FromMilliseconds(1_782_371_970_000)
        found.fields.add(field="first_name", side="platform", before="", after="Ann", because="only the CRM changed it")
        found.fields.add(field="custom_fields.a_b", side="crm", before="x")
        return pb.ExplainLeadResponse(explanations=[found], next_page_token="more")
