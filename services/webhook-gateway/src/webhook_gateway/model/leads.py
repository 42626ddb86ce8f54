"""Leads and their links."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

from webhook_gateway.model.basics import CustomName, Direction, LeadField, Paging

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
    """A field that rests until then, since both sides keep replacing each other's value. `writer` sets `replaced`."""

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
