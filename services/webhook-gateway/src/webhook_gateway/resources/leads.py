"""Leads and their links."""

from datetime import datetime
from typing import Annotated, Literal

import grpc
import msgspec
from google.protobuf.field_mask_pb2 import FieldMask
from leadsync.lead.v1 import lead_pb2
from leadsync.lead.v1 import lead_service_pb2 as pb
from leadsync.lead.v1.lead_service_pb2_grpc import LeadServiceStub
from msgspec import UNSET, Meta, Struct, UnsetType, field

from webhook_gateway.resources.basics import Direction, Paging, Tagged
from webhook_gateway.resources.operation import operation
from webhook_gateway.resources.reasons import LEAD_VALUES, NO_LEAD, PAGES, STALE, STORE, Reasons
from webhook_gateway.rpc.calls import Client
from webhook_gateway.rpc.messages import filled, number, plain
from webhook_gateway.rpc.names import LeadField

LEADS, ONE = "/api/v1/leads", "/api/v1/leads/{lead_id}"
NO_SURVIVOR: Reasons = {400: ("survivor_deleted",)}
CustomName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_]{1,64}$")]
Clearable = str | UnsetType | None


class LeadFields(Struct, rename="camel", forbid_unknown_fields=True):
    """Values of a lead's fields; null or an empty text clears one, an absent one stays as it is."""

    email: Clearable = UNSET
    first_name: Clearable = UNSET
    last_name: Clearable = UNSET
    phone: Clearable = UNSET
    company: Clearable = UNSET
    job_title: Clearable = UNSET
    website: Clearable = UNSET
    status: Clearable = UNSET
    custom_fields: dict[CustomName, str | None] | UnsetType = UNSET


class LeadQuery(Paging):
    """Which leads are asked for; `email` in any letter case."""

    email: str = ""


class LeadEnd(Struct, rename="camel", forbid_unknown_fields=True):
    """Why a lead is deleted: it was `merged` into another one, which takes over its links, or it is a customer now."""

    reason: Literal["deleted", "converted", "merged"] = "deleted"
    into: Annotated[str, Meta(max_length=128, description="With `merged`: the lead that takes its place.")] = ""


class FieldConflict(Struct, rename="camel"):
    """A field that waits for a person. `overwritten`: both sides hold `ours` now, and `theirs` was lost unseen."""

    field: LeadField
    ours: str | None
    theirs: str | None
    overwritten: bool


class RefusedField(Struct, rename="camel"):
    """A field whose value the CRM does not take."""

    field: LeadField
    reason: str


class PausedField(Struct, rename="camel"):
    """A field that is paused until then: both sides keep replacing each other's value. `writer` sets `replaced`."""

    field: LeadField
    value: str | None
    replaced: str | None
    writer: str | None
    until: datetime | None


class Link(Struct, rename="camel"):
    """The tie between a lead and one CRM record."""

    integration_id: str
    provider: str
    record_id: str | None
    state: str
    detached_reason: str | None
    conflicts: list[FieldConflict]
    refused: list[RefusedField]
    paused: list[PausedField]


class CrmMetadata(Struct, rename="camel"):
    """Where a lead came from and how it was last kept the same."""

    source_system: str | None
    last_sync_direction: Direction | None
    last_synced_at: datetime | None
    sync_version: int
    last_modified_in_crm: datetime | None
    crm_provider: str | None


class Lead(Struct, rename="camel"):
    """A person record of the platform."""

    lead_id: str = field(name="id")
    email: str | None
    first_name: str | None
    last_name: str | None
    phone: str | None
    company: str | None
    job_title: str | None
    website: str | None
    status: str | None
    custom_fields: dict[str, str | None]
    crm_metadata: CrmMetadata
    links: list[Link]
    created_at: datetime | None
    changed_at: datetime | None


class LeadPage(Struct, rename="camel"):
    """Leads, oldest first."""

    leads: list[Lead]
    next_page_token: str | None


class Leads(Client):
    """Reads and writes leads of lead-store. Every operation raises ServiceProblem."""

    def __init__(self, store: grpc.aio.Channel) -> None:
        self._stub = LeadServiceStub(store)

    @operation("POST", LEADS, LEAD_VALUES, STORE, status=201)
    async def create_lead(self, tenant: str, body: LeadFields, request_id: str, actor: str) -> Tagged[Lead]:
        """Create a lead; the same `Idempotency-Key` again returns the first one."""
        lead, _ = _message(body)
        request = pb.CreateLeadRequest(tenant_id=tenant, request_id=request_id, lead=lead, actor=actor)
        return _tagged((await self.call(self._stub.CreateLead, request)).lead)

    @operation("GET", LEADS, PAGES, STORE)
    async def list_leads(self, tenant: str, query: LeadQuery) -> LeadPage:
        """List leads, oldest first; with `email`, only those that have it."""
        request = filled(pb.ListLeadsRequest(tenant_id=tenant), query)
        return plain(await self.call(self._stub.ListLeads, request), LeadPage)

    @operation("GET", ONE, NO_LEAD, STORE)
    async def get_lead(self, tenant: str, lead_id: str) -> Tagged[Lead]:
        """Get a lead."""
        request = pb.GetLeadRequest(tenant_id=tenant, lead_id=lead_id)
        return _tagged((await self.call(self._stub.GetLead, request)).lead)

    @operation("PATCH", ONE, NO_LEAD, LEAD_VALUES, STALE, STORE)
    async def update_lead(self, tenant: str, lead_id: str, body: LeadFields, etag: str, actor: str) -> Tagged[Lead]:
        """Change a lead: fields that are absent stay; custom fields are set one by one."""
        lead, paths = _message(body)
        request = pb.UpdateLeadRequest(
            tenant_id=tenant, lead_id=lead_id, lead=lead, update_mask=FieldMask(paths=paths), etag=etag, actor=actor
        )
        return _tagged((await self.call(self._stub.UpdateLead, request)).lead)

    @operation("DELETE", ONE, NO_LEAD, NO_SURVIVOR, STALE, STORE, status=204)
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


def _message(fields: LeadFields) -> tuple[lead_pb2.Lead, list[str]]:
    """Make a lead of the fields that are given, and list their paths; a blank field is named by its path alone."""
    given = {name: value for name, value in msgspec.structs.asdict(fields).items() if value is not UNSET}
    custom = given.pop("custom_fields", {})
    lead = lead_pb2.Lead(
        **{name: value for name, value in given.items() if value},
        custom_fields={name: value for name, value in custom.items() if value},
    )
    return lead, [*given, *(f"custom_fields.{name}" for name in custom)]


def _tagged(lead: lead_pb2.Lead) -> Tagged[Lead]:
    return Tagged(plain(lead, Lead), lead.etag)
