"""Connected CRM accounts, their webhooks, and what the doctor finds."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

from webhook_gateway.model.basics import Direction, Id, LeadField

AccountId = Annotated[int, Meta(ge=0)] | Annotated[str, Meta(max_length=128)]
Property = Annotated[str, Meta(min_length=1)]
Region = Annotated[str, Meta(pattern="^([A-Z]{2})?$", description="A country by ISO 3166-1, such as CH.")]
Keys = Annotated[list[Literal["email", "phone", "name_domain"]], Meta(min_length=1, max_length=3)]
Word = Annotated[str, Meta(min_length=1, max_length=3_000)]
_MAX_GRACE = 30 * 24 * 3600  # seconds


class FieldRule(Struct, rename="camel", forbid_unknown_fields=True):
    """How one field is kept the same: who wins where both sides changed it, and what a blank means for a value.

    It flows within the integration's own direction.
    """

    rule: Literal["crm", "platform", "newest", "ask"] = "newest"
    blank: Literal["keep", "clear"] = "keep"
    direction: Direction = "bidirectional"


class Transform(Struct, rename="camel", forbid_unknown_fields=True):
    """One step of a value from the CRM to the platform; backwards on the way to the CRM.

    `options` (the CRM's option: the platform's word) belong to the kind of that name, `region` (the country of numbers
    that name none) to `phone_e164`.
    """

    kind: Literal["trim", "lower", "upper", "phone_e164", "options", "date"]
    region: Region | UnsetType = UNSET
    options: Annotated[dict[Word, Word], Meta(min_length=1, max_length=1_000)] | UnsetType = UNSET


Steps = Annotated[list[Transform], Meta(min_length=1, max_length=5)]


class Deletions(Struct, rename="camel", forbid_unknown_fields=True):
    """How deletions are followed: what becomes of the lead of a deleted record, after how long, and the other way.

    In an hour `capNumber` are followed, or `capPercent` of the linked leads if that is more; the rest waits for people.
    """

    policy: Literal["unlink", "delete_lead", "ignore"] = "unlink"
    grace_seconds: Annotated[int, Meta(ge=0, le=_MAX_GRACE)] = 0
    cap_number: Annotated[int, Meta(ge=1, le=2**31 - 1)] = 500
    cap_percent: Annotated[int, Meta(ge=1, le=100)] = 20
    record_policy: Literal["leave", "archive"] = "leave"


class Matching(Struct, rename="camel", forbid_unknown_fields=True):
    """What a record and a lead must have in common to be linked; e-mail comes first.

    `phoneRegion` is the country of phone numbers that name none, which match nothing without it.
    """

    keys: Keys = field(default_factory=lambda: ["email"])
    phone_region: Region = ""


class Policies(Struct, rename="camel", forbid_unknown_fields=True):
    """What a sync does where there is more than one right way; each policy is replaced whole, an absent one stays."""

    deletions: Deletions | UnsetType = UNSET
    matching: Matching | UnsetType = UNSET


class Proposal(Struct, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """Settings to try out; what is absent is as it is. Of the policies only `matching` can be tried."""

    direction: Direction | UnsetType = UNSET
    field_mapping: dict[LeadField, Property] | UnsetType = UNSET
    field_rules: dict[LeadField, FieldRule] | UnsetType = UNSET
    field_transforms: dict[LeadField, Steps] | UnsetType = UNSET
    policies: Policies | UnsetType = UNSET


class IntegrationChange(Proposal, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """What can be changed; what is absent stays. A mapping, rules, transforms or a policy are replaced whole."""

    paused: bool | UnsetType = UNSET
    access_token: str | None = None
    refresh_token: str | None = None

    def __repr__(self) -> str:
        """Show nothing: it may hold a secret."""
        return f"{type(self).__name__}()"


class NewIntegration(IntegrationChange, kw_only=True):
    """What connecting an account takes: exactly one of access token, refresh token, and code with its redirect."""

    provider: Id
    portal_id: AccountId | None = None
    app_id: AccountId | None = None
    code: str | None = None
    redirect_uri: str | None = None


class Integration(Struct, rename="camel"):
    """One connected CRM account, without its secrets."""

    integration_id: str = field(name="id")
    provider: str
    account_id: str = field(name="portalId")
    app_id: str | None
    credential_kind: str | None = field(name="credential")
    direction: str
    field_mapping: dict[LeadField, str]
    field_rules: dict[LeadField, FieldRule]
    field_transforms: dict[LeadField, Steps]
    policies: Policies
    paused: bool
    webhooks_enabled: bool
    created_at: datetime | None


class ApplyRun(Struct, rename="camel"):
    """The run that applies changed settings to what is linked already."""

    run_id: str


class ChangedIntegration(Integration, rename="camel"):
    """An integration after a change; `applyRun` is null if nothing has to be applied to what is linked already."""

    apply_run: ApplyRun | None


class IntegrationPage(Struct, rename="camel"):
    """Integrations, oldest first."""

    integrations: list[Integration]
    next_page_token: str | None


class Subscription(Struct, rename="camel"):
    """One subscription of a CRM app."""

    subscription_id: str = field(name="id")
    event: str
    property: str | None
    active: bool


class WebhookState(Struct, rename="camel"):
    """The webhooks of an integration's app."""

    enabled: bool
    subscription_id: str | None
    subscriptions: list[Subscription]
    url: str
    events: list[str]
    managed: bool
    instructions: str | None


class WebhookStatus(WebhookState, rename="camel"):
    """The webhooks of an integration's app, and what they brought. `successRate` is in percent."""

    last_received_at: datetime | None
    total_received: int
    success_rate: float | None


class Check(Struct, rename="camel"):
    """One thing that a sync needs: how it is, and what to do about it."""

    name: str
    state: Literal["ok", "warning", "failed"]
    finding: str
    fix: str | None = None


class CheckUp(Struct, rename="camel"):
    """What the doctor found; `ok` if no check failed."""

    checks: list[Check]
    ok: bool


class CrmFieldOption(Struct, rename="camel"):
    """One value that a property may take."""

    value: str
    label: str


class CrmField(Struct, rename="camel"):
    """One property of the CRM."""

    property: str
    label: str
    type: str
    read_only: bool
    options: list[CrmFieldOption]
    mapped_to: LeadField | None


class CrmFields(Struct, rename="camel"):
    """The CRM's properties, by name."""

    fields: list[CrmField]
