"""The port of a CRM. A new CRM is a new folder in `providers/` that implements these protocols."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from crm_connector.domain.integration import Account, CredentialKind, Integration
from crm_connector.domain.mapping import CrmField, FieldMapping, Limits
from crm_connector.domain.observation import ArchivedRecord, Lease, Observation, Present, Write, WriteOutcome
from crm_connector.domain.retry import Retries


@dataclass(frozen=True, slots=True)
class ProviderContext:
    """What a provider gets from this process.

    `platform` is the origin mark of the records that we create. `stop` is set when the process is about to end.
    `count_call` takes the method and the status of each call; status 0 = no answer.
    """

    platform: str
    stop: threading.Event
    count_call: Callable[[str, int], None] = lambda *_: None
    retries: Retries = field(default=Retries())
    monotonic: Callable[[], float] = time.monotonic


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
    """The properties that fields may be mapped to, and in plain words the faults of our own marks."""

    fields: tuple[CrmField, ...]
    mark_faults: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Quota:
    """Calls of the account per day, as the CRM last said."""

    per_day: int
    remaining: int


@dataclass(frozen=True, slots=True)
class Tokens:
    """What an OAuth exchange answers: `expires_in` counts in seconds from before the call."""

    access_token: str
    refresh_token: str
    expires_in: float

    def __repr__(self) -> str:
        """Show no secret."""
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
        """Note that the CRM calls this token expired: the next `get` refreshes."""
        ...


class Crm(Protocol):
    """One account of a CRM, spoken to with one credential. Every method may raise a `CrmError`; times are monotonic."""

    @property
    def timeout(self) -> float:
        """Seconds that one call may take at most, answer included."""
        ...

    def mapped(self, mapping: FieldMapping) -> "Crm":
        """Give the same account under another mapping, to plan with it."""
        ...

    def low_priority(self) -> "Crm":
        """Give the same account for work that may wait: it leaves a reserve of the quota to live work."""
        ...

    def account(self, *, writes: bool) -> Account:
        """Ask which account the credential belongs to, and which scopes it lacks; none if the CRM does not say."""
        ...

    def prepare(self, mapping: FieldMapping, written: Set[str]) -> None:
        """Check the mapping, of which the fields `written` may go to the CRM, and set up our marks. Repeatable."""
        ...

    def observe(self, leases: Sequence[Lease], deadline: float) -> list[Observation]:
        """Read the records of these leases in few calls: one observation per lease, none where the CRM fails on it."""
        ...

    def write(self, writes: Sequence[Write], send_by: float) -> dict[str, WriteOutcome]:
        """Carry out writes: write id → outcome, none if it may have landed. Nothing is sent after `send_by` (R4)."""
        ...

    def changed_since(self, since: datetime, position: object | None, deadline: float) -> Page:
        """Page through the records modified at or after `since`, oldest first."""
        ...

    def all_records(self, position: str, deadline: float) -> Page:
        """Page through all records, in an order that never changes; positions are texts, empty = the start."""
        ...

    def archived_records(self, position: str, deadline: float) -> ArchivePage:
        """Page through the archive, in an order that never changes; positions are texts, empty = the start."""
        ...

    def count(self) -> int:
        """Ask how many records there are; a rough number."""
        ...

    def schema(self) -> Schema:
        """Read the properties."""
        ...

    def is_failing(self) -> bool:
        """Whether the CRM keeps failing for this account, so that only single calls test it. No call is made."""
        ...

    def default_mapping(self) -> FieldMapping:
        """Read the default mapping, as far as this account has its properties."""
        ...

    def quota(self) -> Quota | None:
        """Give what the last answers said about the daily quota; None if nothing. No call is made."""
        ...


class CrmProvider(Protocol):
    """Everything about one kind of CRM that is not bound to an account."""

    @property
    def default_mapping(self) -> Mapping[str, str]:
        """Lead field → property, of an account that has all of them."""
        ...

    @property
    def limits(self) -> Limits:
        """How long names of properties and options may be."""
        ...

    @property
    def base_url(self) -> str:
        """Address at which the CRM is called."""
        ...

    @property
    def fixes(self) -> Mapping[str, str]:
        """Reason of an error → what a person has to do, where the general advice does not suffice."""
        ...

    def close(self) -> None:
        """Close all connections."""
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
        """Make the CRM send all webhooks of the app to `url`."""
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
        """Remove a subscription; it is no error if it is gone."""
        ...
