"""The nouns that HTTP shows, as plain data; their JSON names are camelCase. Times are UTC, written in RFC 3339.

A blank value is null on the way out, never an empty string; on the way in both mean "clear it".
"""

from datetime import datetime
from typing import Generic, NamedTuple, TypeVar

import msgspec

T = TypeVar("T")

DIRECTIONS = ("to_crm", "from_crm", "bidirectional")
MERGE_RULES = ("crm", "platform", "newest", "ask")  # who wins when both sides changed a field
BLANK_RULES = ("keep", "clear")  # what a blank on one side means for a value on the other
WORK_STATES = ("due", "leased", "failed")


class Tagged(NamedTuple, Generic[T]):
    """A thing and its revision, which HTTP carries as `ETag`."""

    value: T
    etag: str


class Page(NamedTuple, Generic[T]):
    """Some things and the token of the next page; None on the last."""

    items: list[T]
    next_page_token: str | None


class PageQuery(NamedTuple):
    """Which page is asked for. `size` 0 = the service's default."""

    size: int = 0
    token: str = ""


class FieldConflict(msgspec.Struct, rename="camel"):
    """A field that waits for a person."""

    field: str
    ours: str | None
    theirs: str | None


class RefusedField(msgspec.Struct, rename="camel"):
    """A field whose value the CRM does not take."""

    field: str
    reason: str


class Link(msgspec.Struct, rename="camel"):
    """The tie between a lead and one CRM record."""

    integration_id: str
    provider: str
    record_id: str | None
    state: str
    detached_reason: str | None
    conflicts: list[FieldConflict]
    refused: list[RefusedField]


class CrmMetadata(msgspec.Struct, rename="camel"):
    """Where a lead came from and how it was last kept the same."""

    source_system: str | None
    last_sync_direction: str | None
    last_synced_at: datetime | None
    sync_version: int
    last_modified_in_crm: datetime | None
    crm_provider: str | None


class Lead(msgspec.Struct, rename="camel"):
    """A person record of the platform."""

    id: str
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


class FieldRule(msgspec.Struct, rename="camel"):
    """How one field is kept the same: who wins, and what a blank means."""

    rule: str
    blank: str


class Integration(msgspec.Struct, rename="camel"):
    """One connected CRM account, without its secrets."""

    id: str
    provider: str
    portal_id: str
    app_id: str | None
    credential: str | None
    direction: str
    field_mapping: dict[str, str]
    field_rules: dict[str, FieldRule]
    paused: bool
    webhooks_enabled: bool
    created_at: datetime | None


class NewIntegration(msgspec.Struct):
    """What connecting an account takes. Lead fields are spelt as in the contracts. Never logged: it holds a secret."""

    provider: str
    account_id: str
    app_id: str
    settings: "IntegrationSettings"
    access_token: str = ""
    refresh_token: str = ""
    code: str = ""
    redirect_uri: str = ""

    def __repr__(self) -> str:
        """Show nothing that is secret."""
        return f"NewIntegration(provider={self.provider!r})"


class IntegrationSettings(msgspec.Struct):
    """What can be changed later; None = left as it is, or the default of a new one."""

    direction: str | None = None
    field_mapping: dict[str, str] | None = None
    field_rules: dict[str, FieldRule] | None = None
    paused: bool | None = None


class Subscription(msgspec.Struct, rename="camel"):
    """One subscription of a CRM app."""

    id: str
    event: str
    property: str | None
    active: bool


class WebhookState(msgspec.Struct, rename="camel"):
    """The webhooks of an integration's app."""

    enabled: bool
    subscription_id: str | None
    subscriptions: list[Subscription]
    url: str
    events: list[str]
    managed: bool
    instructions: str | None


class SyncStatus(msgspec.Struct):
    """Counters of one integration, as lead-store keeps them."""

    created: int = 0
    updated: int = 0
    skipped: int = 0
    unlinked: int = 0
    from_crm_failed: int = 0
    synced: int = 0
    to_crm_failed: int = 0
    pending: int = 0
    oldest_pending_seconds: int = 0
    conflicts: int = 0
    failed_work: int = 0
    total_received: int = 0
    last_received_at: datetime | None = None
    decided: int = 0

    @property
    def success_rate(self) -> float | None:
        """Decided ÷ (decided + failed) in percent, two decimals; None before the first."""
        failed = self.from_crm_failed + self.to_crm_failed
        total = self.decided + failed
        return round(100 * self.decided / total, 2) if total else None


class Work(msgspec.Struct, rename="camel"):
    """The work on one record or lead: what is due, leased or failed, and why."""

    id: str
    integration_id: str
    state: str
    record_id: str | None
    lead_id: str | None
    due_at: datetime | None
    attempts: int
    reason: str | None
