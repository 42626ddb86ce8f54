"""lead-store's leads."""

from collections.abc import Mapping

import grpc
from google.protobuf.field_mask_pb2 import FieldMask
from leadsync.lead.v1 import lead_pb2 as pb
from leadsync.lead.v1 import lead_service_pb2 as service_pb
from leadsync.lead.v1.lead_service_pb2_grpc import LeadServiceStub

from webhook_gateway.clients.calls import call
from webhook_gateway.clients.words import DIRECTION_WORDS, LINK_STATE_WORDS, time_of
from webhook_gateway.model import CrmMetadata, FieldConflict, Lead, Link, Page, PageQuery, RefusedField, Tagged

_SERVICE = "store"
_CUSTOM = "custom_fields."


class LeadClient:
    """Reads and writes leads of one tenant per call. Every method raises RemoteError."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = LeadServiceStub(channel)

    async def create(self, tenant: str, values: Mapping[str, str], *, request_id: str, actor: str) -> Tagged[Lead]:
        """Create a lead; the same `request_id` again returns the first one."""
        request = service_pb.CreateLeadRequest(
            tenant_id=tenant, request_id=request_id, lead=_message(values), actor=actor
        )
        return _tagged((await call(self._stub.CreateLead, request, service=_SERVICE)).lead)

    async def get(self, tenant: str, lead_id: str) -> Tagged[Lead]:
        """Get a lead."""
        request = service_pb.GetLeadRequest(tenant_id=tenant, lead_id=lead_id)
        return _tagged((await call(self._stub.GetLead, request, service=_SERVICE)).lead)

    async def list(self, tenant: str, page: PageQuery, *, email: str) -> Page[Lead]:
        """List leads, oldest first; with `email`, only those that have it."""
        request = service_pb.ListLeadsRequest(tenant_id=tenant, page_size=page.size, page_token=page.token, email=email)
        answer = await call(self._stub.ListLeads, request, service=_SERVICE)
        return Page([_tagged(lead).value for lead in answer.leads], answer.next_page_token or None)

    async def update(
        self, tenant: str, lead_id: str, values: Mapping[str, str], *, etag: str, actor: str
    ) -> Tagged[Lead]:
        """Set the given fields; an empty value clears one."""
        request = service_pb.UpdateLeadRequest(
            tenant_id=tenant,
            lead_id=lead_id,
            lead=_message(values),
            update_mask=FieldMask(paths=list(values)),
            etag=etag,
            actor=actor,
        )
        return _tagged((await call(self._stub.UpdateLead, request, service=_SERVICE)).lead)

    async def delete(self, tenant: str, lead_id: str, *, etag: str, actor: str) -> None:
        """Delete a lead."""
        request = service_pb.DeleteLeadRequest(tenant_id=tenant, lead_id=lead_id, etag=etag, actor=actor)
        await call(self._stub.DeleteLead, request, service=_SERVICE)


def _message(values: Mapping[str, str]) -> pb.Lead:
    lead = pb.Lead()
    for name, value in values.items():
        if name.startswith(_CUSTOM):
            lead.custom_fields[name.removeprefix(_CUSTOM)] = value
        else:
            setattr(lead, name, value)
    return lead


def _tagged(lead: pb.Lead) -> Tagged[Lead]:
    value = Lead(
        id=lead.lead_id,
        email=lead.email or None,
        first_name=lead.first_name or None,
        last_name=lead.last_name or None,
        phone=lead.phone or None,
        company=lead.company or None,
        job_title=lead.job_title or None,
        website=lead.website or None,
        status=lead.status or None,
        custom_fields={name: value or None for name, value in sorted(lead.custom_fields.items())},
        crm_metadata=_metadata(lead.crm_metadata),
        links=[_link(link) for link in lead.links],
        created_at=time_of(lead, "created_at"),
        changed_at=time_of(lead, "changed_at"),
    )
    return Tagged(value, lead.etag)


def _metadata(meta: pb.CrmMetadata) -> CrmMetadata:
    return CrmMetadata(
        source_system=meta.source_system or None,
        last_sync_direction=DIRECTION_WORDS.get(meta.last_sync_direction),
        last_synced_at=time_of(meta, "last_synced_at"),
        sync_version=meta.sync_version,
        last_modified_in_crm=time_of(meta, "last_modified_in_crm"),
        crm_provider=meta.crm_provider or None,
    )


def _link(link: pb.Link) -> Link:
    return Link(
        integration_id=link.integration_id,
        provider=link.provider,
        record_id=link.record_id or None,
        state=LINK_STATE_WORDS.get(link.state, "unknown"),
        detached_reason=link.detached_reason or None,
        conflicts=[FieldConflict(item.field, item.ours or None, item.theirs or None) for item in link.conflicts],
        refused=[RefusedField(item.field, item.reason) for item in link.refused],
    )
