"""LeadService."""

from collections.abc import Iterator
from typing import Any

from leadsync.lead.v1 import lead_service_pb2 as pb
from leadsync.lead.v1.lead_service_pb2_grpc import LeadServiceServicer

from lead_store.domain.errors import Invalid
from lead_store.domain.lead import EndReason
from lead_store.rpc.lead_mapping import explanation_message, lead_message, masked_values, values_of
from lead_store.rpc.paging import decode_token, encode_token, fill_page, page_limit
from lead_store.rpc.requests import bounded, required
from lead_store.usecases.conflicts import Conflicts
from lead_store.usecases.ending import EndLead
from lead_store.usecases.leads import Leads
from lead_store.usecases.watch import Watch

END_REASONS: dict[int, EndReason] = {
    pb.END_REASON_UNSPECIFIED: EndReason.DELETED,
    pb.END_REASON_DELETED: EndReason.DELETED,
    pb.END_REASON_CONVERTED: EndReason.CONVERTED,
    pb.END_REASON_MERGED: EndReason.MERGED,
}
LONGEST_REQUEST_ID = 64
LONGEST_EMAIL = 320
LONGEST_RESUME_TOKEN = 4096


class LeadService(LeadServiceServicer):
    """Leads of one tenant per call."""

    def __init__(self, leads: Leads, ending: EndLead, watch: Watch, conflicts: Conflicts) -> None:
        self.leads = leads
        self.ending = ending
        self.watch = watch
        self.conflicts = conflicts

    def CreateLead(self, request: pb.CreateLeadRequest, context: Any) -> pb.CreateLeadResponse:  # noqa: N802, ARG002
        """Create a lead."""
        tenant_id = required("tenant_id", request.tenant_id)
        request_id = bounded("request_id", request.request_id, LONGEST_REQUEST_ID)
        values = {name: value for name, value in values_of(request.lead).items() if value}
        lead = self.leads.create(tenant_id, request_id, values, bounded("actor", request.actor))
        return pb.CreateLeadResponse(lead=lead_message(lead))

    def GetLead(self, request: pb.GetLeadRequest, context: Any) -> pb.GetLeadResponse:  # noqa: N802, ARG002
        """Get a lead."""
        lead = self.leads.get(required("tenant_id", request.tenant_id), required("lead_id", request.lead_id))
        return pb.GetLeadResponse(lead=lead_message(lead))

    def ListLeads(self, request: pb.ListLeadsRequest, context: Any) -> pb.ListLeadsResponse:  # noqa: N802, ARG002
        """List leads."""
        tenant_id, email = required("tenant_id", request.tenant_id), bounded("email", request.email, LONGEST_EMAIL)
        if email and not email.strip():
            raise Invalid("email", "is blank")
        integration_id = bounded("integration_id", request.integration_id)
        record_id = bounded("record_id", request.record_id)
        if record_id and not integration_id:
            raise Invalid("integration_id", "is required together with record_id")
        # A token made without the newer filters is good for a list without them.
        filters = (tenant_id, email, *([integration_id, record_id] if integration_id else []))
        limit = page_limit(request.page_size)
        after = decode_token(request.page_token, *filters)
        leads = self.leads.page(tenant_id, after, limit + 1, email, integration_id, record_id)
        page, last = fill_page(leads, lead_message, lambda lead: lead.lead_id, limit)
        return pb.ListLeadsResponse(leads=page, next_page_token=encode_token(last, *filters))

    def UpdateLead(self, request: pb.UpdateLeadRequest, context: Any) -> pb.UpdateLeadResponse:  # noqa: N802, ARG002
        """Change the masked fields."""
        tenant_id, lead_id = required("tenant_id", request.tenant_id), required("lead_id", request.lead_id)
        values = masked_values(request.lead, list(request.update_mask.paths))
        lead = self.leads.update(tenant_id, lead_id, values, request.etag, bounded("actor", request.actor))
        return pb.UpdateLeadResponse(lead=lead_message(lead))

    def DeleteLead(self, request: pb.DeleteLeadRequest, context: Any) -> pb.DeleteLeadResponse:  # noqa: N802, ARG002
        """Delete a lead softly."""
        tenant_id, lead_id = required("tenant_id", request.tenant_id), required("lead_id", request.lead_id)
        reason, into = END_REASONS.get(request.reason), bounded("merged_into_lead_id", request.merged_into_lead_id)
        if reason is None:
            raise Invalid("reason", "no such reason")
        self.ending.end(tenant_id, lead_id, reason, into, request.etag, bounded("actor", request.actor))
        return pb.DeleteLeadResponse()

    def WatchLeads(self, request: pb.WatchLeadsRequest, context: Any) -> Iterator[pb.WatchLeadsResponse]:  # noqa: N802
        """Stream changes of leads."""
        tenant_id = required("tenant_id", request.tenant_id)
        token = bounded("resume_token", request.resume_token, LONGEST_RESUME_TOKEN)
        for change in self.watch.changes(tenant_id, token, context.is_active):
            lead = lead_message(change.lead) if change.lead is not None else None
            erased = change.removed_lead_id
            yield pb.WatchLeadsResponse(lead=lead, resume_token=change.resume_token, erased_lead_id=erased)

    def ExplainLead(self, request: pb.ExplainLeadRequest, context: Any) -> pb.ExplainLeadResponse:  # noqa: N802, ARG002
        """Explain how a lead came to its values."""
        tenant_id, lead_id = required("tenant_id", request.tenant_id), required("lead_id", request.lead_id)
        limit, filters = page_limit(request.page_size), (tenant_id, lead_id, bounded("field", request.field))
        entries = self.conflicts.explain(*filters, decode_token(request.page_token, *filters), limit + 1)
        page, last = fill_page(entries, explanation_message, lambda entry: entry.decision_id, limit)
        return pb.ExplainLeadResponse(explanations=page, next_page_token=encode_token(last, *filters))
