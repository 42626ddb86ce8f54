"""Leads and their links."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Literal

import grpc
import msgspec
from google.protobuf.field_mask_pb2 import FieldMask
from leadsync.lead.v1 import lead_pb2
from leadsync.lead.v1 import lead_service_pb2 as pb
from leadsync.lead.v1.lead_service_pb2_grpc import LeadServiceStub
from msgspec import UNSET, Meta, Struct, UnsetType, field

from webhook_gateway.problem import Fault, invalid
from webhook_gateway.resources.basics import Direction, Paging, Tagged
from webhook_gateway.resources.lead_fields import LeadFields, Types
from webhook_gateway.resources.lead_values import JSON_TYPES, JsonType, LeadValue
from webhook_gateway.resources.only_integration import CHOSEN, OnlyIntegration
from webhook_gateway.resources.operation import operation
from webhook_gateway.resources.reasons import LEAD_VALUES, NO_LEAD, PAGES, STALE, STORE, Reasons
from webhook_gateway.rpc.calls import Client
from webhook_gateway.rpc.messages import filled, number, plain
from webhook_gateway.rpc.names import CUSTOM, CustomName, LeadField

LEADS, ONE = "/api/v1/leads", "/api/v1/leads/{lead_id}"
NO_SURVIVOR: Reasons = {400: ("survivor_deleted",)}
Clearable = str | UnsetType | None


class LeadChange(Struct, rename="camel", forbid_unknown_fields=True):
    """Values of a lead's fields; null or an empty text clears one, an absent one stays as it is."""

    email: Clearable = UNSET
    first_name: Clearable = UNSET
    last_name: Clearable = UNSET
    phone: Clearable = UNSET
    company: Clearable = UNSET
    job_title: Clearable = UNSET
    website: Clearable = UNSET
    status: Clearable = UNSET
    custom_fields: dict[CustomName, LeadValue | None] | UnsetType = UNSET


class LeadQuery(Paging):
    """Which leads are asked for; `email` in any letter case.

    `recordId` finds the leads that are linked to that record, or were until its link was detached.
    """

    email: str = ""
    integration_id: str = ""
    record_id: str = ""


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


class UnreadableField(Struct, rename="camel"):
    """A field whose value in the CRM is not of the lead field's type. It is left alone until it is."""

    field: LeadField
    theirs: str | None
    reason: str


class RefusedField(Struct, rename="camel"):
    """A field whose value the CRM does not take. It waits until its value changes or the lead is pushed."""

    field: LeadField
    reason: str
    cause: str | None
    remedy: str | None


class PausedField(Struct, rename="camel"):
    """A field that is paused until then: both sides keep replacing each other's value. `writer` sets `replaced`."""

    field: LeadField
    value: str | None
    replaced: str | None
    writer: str | None
    until: datetime | None


class Link(Struct, rename="camel"):
    """The tie between a lead and one CRM record. `object` is what the CRM calls it, `recordUrl` its page there."""

    integration_id: str
    provider: str
    record_id: str | None
    object: str | None
    record_url: str | None
    state: str
    detached_reason: str | None
    conflicts: list[FieldConflict]
    refused: list[RefusedField]
    paused: list[PausedField]
    unreadable: list[UnreadableField]


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
    custom_fields: dict[str, LeadValue | None]
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

    def __init__(self, store: grpc.aio.Channel, fields: LeadFields, only: OnlyIntegration) -> None:
        self._stub = LeadServiceStub(store)
        self._fields = fields
        self._only = only

    @operation("POST", LEADS, LEAD_VALUES, STORE, status=201)
    async def create_lead(self, tenant: str, body: LeadChange, request_id: str, actor: str) -> Tagged[Lead]:
        """Create a lead; the same `Idempotency-Key` again returns the first one."""
        await self._check_types(tenant, body)
        lead, _ = _message(body)
        request = pb.CreateLeadRequest(tenant_id=tenant, request_id=request_id, lead=lead, actor=actor)
        return await self._tagged(tenant, (await self.call(self._stub.CreateLead, request)).lead)

    @operation("GET", LEADS, PAGES, *CHOSEN, STORE)
    async def list_leads(self, tenant: str, query: LeadQuery) -> LeadPage:
        """List leads, oldest first: all, or those with an e-mail, of an integration, or of one of its records."""
        request = filled(pb.ListLeadsRequest(tenant_id=tenant), query)
        if query.record_id:
            request.integration_id = await self._only.choose(tenant, query.integration_id)
        answer = await self.call(self._stub.ListLeads, request)
        types = await self._types_for(tenant, answer.leads)
        return LeadPage([_lead(item, types) for item in answer.leads], answer.next_page_token or None)

    @operation("GET", ONE, NO_LEAD, STORE)
    async def get_lead(self, tenant: str, lead_id: str) -> Tagged[Lead]:
        """Get a lead."""
        request = pb.GetLeadRequest(tenant_id=tenant, lead_id=lead_id)
        return await self._tagged(tenant, (await self.call(self._stub.GetLead, request)).lead)

    @operation("PATCH", ONE, NO_LEAD, LEAD_VALUES, STALE, STORE)
    async def update_lead(self, tenant: str, lead_id: str, body: LeadChange, etag: str, actor: str) -> Tagged[Lead]:
        """Change a lead: fields that are absent stay; custom fields are set one by one."""
        await self._check_types(tenant, body)
        lead, paths = _message(body)
        request = pb.UpdateLeadRequest(
            tenant_id=tenant, lead_id=lead_id, lead=lead, update_mask=FieldMask(paths=paths), etag=etag, actor=actor
        )
        return await self._tagged(tenant, (await self.call(self._stub.UpdateLead, request)).lead)

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

    async def _check_types(self, tenant: str, body: LeadChange) -> None:
        """Check the JSON types of values; lead-store checks whether a text is of its type. Raises Problem 400."""
        values = {name: value for name, value in (body.custom_fields or {}).items() if value is not None}
        if all(value.json_type is JsonType.TEXT for value in values.values()):
            return
        if _misfits(values, await self._fields.types(tenant)):
            faults = _misfits(values, await self._fields.types(tenant, fresh=True))
            if faults:
                raise invalid(*faults)

    async def _tagged(self, tenant: str, lead: lead_pb2.Lead) -> Tagged[Lead]:
        return Tagged(_lead(lead, await self._types_for(tenant, [lead])), lead.etag)

    async def _types_for(self, tenant: str, leads: Iterable[lead_pb2.Lead]) -> Types:
        """The types of custom fields, if one of the leads has any such field."""
        return await self._fields.types(tenant) if any(lead.custom_fields for lead in leads) else {}


def _misfits(values: dict[str, LeadValue], types: Types) -> list[Fault]:
    """Find values that JSON has in another type than their field; a text may be a value of any type."""
    found = []
    for name, value in values.items():
        expected = JSON_TYPES.get(types.get(name, "text"), JsonType.TEXT)
        if value.json_type not in {JsonType.TEXT, expected}:
            found.append(Fault(f"{CUSTOM}{name}", f"must be {expected}"))
    return found


def _message(fields: LeadChange) -> tuple[lead_pb2.Lead, list[str]]:
    """Make a lead of the fields that are given, and list their paths; a blank field is named by its path alone."""
    given = {name: value for name, value in msgspec.structs.asdict(fields).items() if value is not UNSET}
    custom = given.pop("custom_fields", {})
    lead = lead_pb2.Lead(
        **{name: value for name, value in given.items() if value},
        custom_fields={name: value.text for name, value in custom.items() if value is not None and value.text},
    )
    return lead, [*given, *(f"custom_fields.{name}" for name in custom)]


def _lead(lead: lead_pb2.Lead, types: Types) -> Lead:
    custom = {
        name: LeadValue.of_field(text, types.get(name, "text")) if text else None
        for name, text in sorted(lead.custom_fields.items())
    }
    return plain(lead, Lead, custom_fields=custom)
