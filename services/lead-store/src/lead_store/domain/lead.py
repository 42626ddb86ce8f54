"""A lead, where it came from, and two questions: may a record become a lead, and may its changes flow into one."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from lead_store.domain.addresses import address_keys, address_spellings
from lead_store.domain.fields import email_key
from lead_store.domain.link import Link
from lead_store.domain.rules import Direction, Target


class EndReason(StrEnum):
    """Why a lead has ended."""

    DELETED = "deleted"
    CONVERTED = "converted"
    MERGED = "merged"


@dataclass(frozen=True, slots=True)
class Change:
    """When a field's value was taken, who set it (`platform`, or the provider of its record), and when it was set."""

    at: datetime
    source: str
    set_at: datetime | None = None  # by the source's clock, `at` at the latest; None = when it was taken

    @property
    def source_time(self) -> datetime:
        """When the value was set at its source. This is what `newest` compares."""
        return self.set_at or self.at


@dataclass(frozen=True, slots=True)
class CrmMetadata:
    """Origin of a lead and its last sync. `sync_version` grows by one per settled change either way."""

    source_system: str
    last_sync_direction: Direction | None = None
    last_synced_at: datetime | None = None
    sync_version: int = 0
    last_modified_in_crm: datetime | None = None
    crm_provider: str = ""


@dataclass(frozen=True, slots=True)
class Lead:
    """A person record of the platform. A field that is missing from `values` is blank."""

    lead_id: str
    tenant_id: str
    values: Mapping[str, str]
    changed: Mapping[str, Change]
    metadata: CrmMetadata
    created_at: datetime
    changed_at: datetime
    links: tuple[Link, ...] = ()
    revision: int = 0
    deleted_at: datetime | None = None
    end_reason: EndReason | None = None  # None also of leads that ended before reasons were noted
    merged_into: str = ""  # lead that it was merged into
    request_id: str = ""

    @property
    def email_key(self) -> str:
        """The key of the lead's e-mail; empty if it has none."""
        return email_key(self.values)

    @property
    def email_spellings(self) -> tuple[str, ...]:
        """The e-mails by which the lead is looked for in a CRM: all that would make a record of the CRM match it."""
        return address_spellings(self.values.get("email", ""))

    @property
    def all_emails(self) -> tuple[str, ...]:
        """Keys of all e-mails that are known of the person, its records' included."""
        others = (email for link in self.links for email in link.emails)
        return address_keys([self.values.get("email", ""), *others])

    @property
    def record_ids(self) -> tuple[str, ...]:
        """Ids of all records that the lead is or was linked to."""
        return tuple(record for link in self.links for record in (link.record_id, *link.former_record_ids) if record)

    def link(self, integration_id: str) -> Link | None:
        """The lead's link of an integration."""
        return next((link for link in self.links if link.integration_id == integration_id), None)

    def had_record(self, target: Target, record_id: str) -> bool:
        """Whether the lead was linked to this record of the target's account, by this connection or an earlier one."""
        account = (target.provider, target.account_id)
        return any(link.record_id == record_id and (link.provider, link.account_id) == account for link in self.links)

    def is_linked(self, integration_id: str) -> bool:
        """Whether the lead has a record in this integration's CRM that is kept the same."""
        link = self.link(integration_id)
        return link is not None and link.attached

    def with_link(self, link: Link) -> "Lead":
        """The lead with this link in place of the one of the same integration."""
        if self.link(link.integration_id) is None:
            return replace(self, links=(*self.links, link))
        return replace(
            self, links=tuple(link if old.integration_id == link.integration_id else old for old in self.links)
        )

    def with_values(
        self, values: Mapping[str, str], at: datetime, source: str, set_at: Mapping[str, datetime] | None = None
    ) -> "Lead":
        """The lead with these values, each change dated; values that are there already change nothing.

        `at` is when they are taken, `set_at` when each was set at its source, if that is another time.
        """
        changes = {name: value for name, value in values.items() if self.values.get(name, "") != value}
        if not changes:
            return self
        return replace(
            self,
            values={name: value for name, value in {**self.values, **changes}.items() if value},
            changed={**self.changed, **{name: Change(at, source, (set_at or {}).get(name)) for name in changes}},
            changed_at=at,
        )

    def synced(self, direction: Direction, provider: str, at: datetime, modified_in_crm: datetime | None) -> "Lead":
        """The lead with one more settled change in its metadata."""
        known = self.metadata.last_modified_in_crm
        metadata = replace(
            self.metadata,
            last_sync_direction=direction,
            last_synced_at=at,
            sync_version=self.metadata.sync_version + 1,
            last_modified_in_crm=max(filter(None, (known, modified_in_crm)), default=None),
            crm_provider=provider,
        )
        return replace(self, metadata=metadata)


def should_import_from_crm(source_system: str, platform: str) -> bool:
    """Whether a record may become a new lead: not if it carries our own mark, since then we made it."""
    return source_system.strip().casefold() != platform.casefold()


def should_sync_from_crm(lead: Lead) -> bool:
    """Whether a record's changes may flow into its lead: not once the lead has ended.

    Who made the lead does not matter: an edit made in the CRM to a lead of the platform comes back. Which fields may
    flow is decided field by field, by their directions.
    """
    return lead.deleted_at is None


def empty_lead(lead_id: str, tenant_id: str, source_system: str, at: datetime, request_id: str = "") -> Lead:
    """A lead that holds nothing yet."""
    metadata = CrmMetadata(source_system=source_system)
    return Lead(lead_id, tenant_id, {}, {}, metadata, created_at=at, changed_at=at, request_id=request_id)
