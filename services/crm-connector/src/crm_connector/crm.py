"""The port of a CRM: what any client must do. A new CRM is a new folder that implements these two protocols."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from crm_connector.domain.integration import Account, CredentialKind, Integration
from crm_connector.domain.mapping import CrmField, FieldMapping
from crm_connector.domain.observation import ArchivedRecord, Lease, Observation, Present, Write, WriteOutcome


@dataclass(frozen=True, slots=True)
class Page:
    """Records of a sweep or an import; `next_position` is None on the last page."""

    records: tuple[Present, ...]
    next_position: object | None


@dataclass(frozen=True, slots=True)
class ArchivePage:
    """Records in the CRM's archive; `next_position` is empty on the last page."""

    records: tuple[ArchivedRecord, ...]
    next_position: str


@dataclass(frozen=True, slots=True)
class Schema:
    """The properties that fields may be mapped to, and in plain words what is wrong with our own marks."""

    fields: tuple[CrmField, ...]
    mark_faults: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Quota:
    """Calls of the account per day, as the CRM last told."""

    per_day: int
    remaining: int


@dataclass(frozen=True, slots=True)
class Tokens:
    """What an OAuth exchange answers: `expires_in` counts in seconds from before the call."""

    access_token: str
    refresh_token: str
    expires_in: float

    def __repr__(self) -> str:
        """Say nothing of the secrets."""
        return f"Tokens(expires_in={self.expires_in})"


@dataclass(frozen=True, slots=True)
class CrmSubscription:
    """One webhook subscription of an app, as the CRM lists it."""

    subscription_id: str
    event: str
    property: str = ""
    active: bool = True


class TokenSource(Protocol):
    """Gives the access token of one credential; safe to share between threads."""

    def get(self) -> str:
        """Give a token that is good for now, refreshed ahead of its expiry. A CrmError if that fails."""
        ...

    def reject(self, token: str) -> None:
        """Hear that the CRM calls this token expired: the next `get` refreshes."""
        ...


class Crm(Protocol):
    """One account of a CRM, spoken to with one credential. Every method may raise a `CrmError`; times are monotonic."""

    @property
    def timeout(self) -> float:
        """Seconds that one call may take at most, answer included."""
        ...

    def mapped(self, mapping: FieldMapping) -> "Crm":
        """Give the same account under another mapping, for trying it out."""
        ...

    def in_background(self) -> "Crm":
        """Give the same account for work that may wait: a reserve of its quota is left to others."""
        ...

    def account(self, *, writes: bool) -> Account:
        """Ask whose the credential is, and which scopes it lacks; none if the CRM does not say which it has."""
        ...

    def prepare(self, mapping: FieldMapping, written: Set[str]) -> None:
        """Check the mapping, of which these fields may be written, and set up our marks; repeatable."""
        ...

    def observe(self, leases: Sequence[Lease], deadline: float) -> list[Observation]:
        """Read the records of these leases, one observation per lease, in few calls."""
        ...

    def write(self, writes: Sequence[Write], send_by: float) -> dict[str, WriteOutcome]:
        """Carry out writes: write id → outcome, none where it may have landed. Nothing is sent after `send_by` (R4)."""
        ...

    def changed_since(self, since: datetime, position: object | None, deadline: float) -> Page:
        """Page through the records modified at or after `since`, oldest first."""
        ...

    def all_records(self, position: str, deadline: float) -> Page:
        """Page through all records, in an order that does not change; positions are texts, empty = the start."""
        ...

    def archived_records(self, position: str, deadline: float) -> ArchivePage:
        """Page through the archive, in an order that does not change; positions are texts, empty = the start."""
        ...

    def count(self) -> int:
        """Ask how many records there are; never exact."""
        ...

    def schema(self) -> Schema:
        """Read the properties."""
        ...

    def is_failing(self) -> bool:
        """Whether the CRM has kept failing for this account, so that it is only probed. No call is made."""
        ...

    def default_mapping(self) -> FieldMapping:
        """Ask for the mapping of an integration that names none: the provider's, as this account's properties allow."""
        ...

    def quota(self) -> Quota | None:
        """Give what the last answers told of the daily quota; None if nothing. No call is made."""
        ...


class CrmProvider(Protocol):
    """Everything about one kind of CRM that is not bound to an account."""

    @property
    def default_mapping(self) -> Mapping[str, str]:
        """Lead field → property, of an account that has them all."""
        ...

    def open(self, token: TokenSource, kind: CredentialKind) -> Crm:
        """Speak with a credential whose account is not known yet."""
        ...

    def connect(self, integration: Integration, token: TokenSource) -> Crm:
        """Speak for an integration; `token` gives the present access token."""
        ...

    def exchange(self, code: str, redirect_uri: str) -> Tokens:
        """Turn the code of an OAuth redirect into tokens."""
        ...

    def refresh(self, refresh_token: str) -> Tokens:
        """Get a new access token, and perhaps a new refresh token."""
        ...

    def webhooks(self, app_id: str) -> "WebhookAdmin | None":
        """Manage the app's subscriptions; None if the CRM has no API for this app."""
        ...

    def events(self, properties: Sequence[str]) -> list[tuple[str, str]]:
        """Wanted subscriptions as (event, property), for the mapped properties."""
        ...

    def webhook_instructions(self, url: str, properties: Sequence[str]) -> str:
        """Say in plain words what a person has to click to have webhooks sent to `url`."""
        ...


class WebhookAdmin(Protocol):
    """The subscriptions of one app."""

    def target(self) -> str:
        """Ask where the app's webhooks are sent to; empty if nowhere."""
        ...

    def set_target(self, url: str) -> None:
        """Have all webhooks of the app sent to `url`."""
        ...

    def list(self) -> list[CrmSubscription]:
        """List the app's subscriptions."""
        ...

    def create(self, event: str, name: str) -> CrmSubscription:
        """Subscribe, active; `name` is the property of a property change, empty otherwise."""
        ...

    def set_active(self, subscription_ids: Sequence[str], *, active: bool) -> None:
        """Pause or resume subscriptions."""
        ...

    def remove(self, subscription_id: str) -> None:
        """Drop a subscription; dropping one that is gone is fine."""
        ...
