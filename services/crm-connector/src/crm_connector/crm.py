"""The port of a CRM. A new CRM is a new folder in `providers/` that implements these protocols.

Every method of `Crm` and `CrmProvider` may raise a `CrmError`; deadlines are monotonic times.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from crm_connector.domain.capabilities import Capabilities
from crm_connector.domain.delivery import StreamEvent
from crm_connector.domain.integration import Account, Credential, CredentialKind, Integration
from crm_connector.domain.mapping import CrmField, FieldMapping, Limits
from crm_connector.domain.observation import (
    ArchivedRecord,
    Lease,
    Observation,
    Present,
    UnreadRecord,
    Write,
    WriteOutcome,
)
from crm_connector.domain.retry import Retries
from crm_connector.domain.values import ValueType


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
    """Records of a sweep or an import; `next_position` is None on the last page.

    Of the records in `unread` the CRM shows that they are there, but not what they hold.
    """

    records: tuple[Present, ...]
    next_position: object | None
    unread: tuple[UnreadRecord, ...] = ()
    until: datetime | None = None  # of a sweep: when the last record was modified, by the list of the page


@dataclass(frozen=True, slots=True)
class RemovedPage:
    """Records that were archived or deleted; `next_position` is empty on the last page."""

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
    """What an authentication answers. `expires_in` counts in seconds from before the call; None = the CRM does not say.

    `host` is the address of the account; empty = all accounts have the same one. `refresh_token` replaces the one that
    was used; empty = that one stays.
    """

    access_token: str = field(repr=False)
    refresh_token: str = field(default="", repr=False)
    expires_in: float | None = None
    host: str = ""


@dataclass(frozen=True, slots=True)
class Access:
    """An access token that is good for now, and the address of its account."""

    token: str = field(repr=False)
    host: str = ""


@dataclass(frozen=True, slots=True)
class CrmSubscription:
    """One webhook subscription of an app, as the CRM lists it."""

    subscription_id: str
    event: str
    property: str = ""
    active: bool = True


@dataclass(frozen=True, slots=True)
class StreamBatch:
    """What was read of a stream, and the position after it.

    `reset` = events before these were lost, because the position was too old or the CRM left a gap: a sweep has to find
    what they were about.
    """

    events: tuple[StreamEvent, ...]
    position: str
    reset: bool = False


class TokenSource(Protocol):
    """Gives the access token of one credential; safe to share between threads."""

    def get(self) -> Access:
        """Give a token that is good for now, renewed ahead of its expiry. A CrmError if that fails."""
        ...

    def reject(self, token: str) -> None:
        """Note that the CRM refuses this token: the next `get` renews."""
        ...


class EventStream(Protocol):
    """The events of one account, which we pull."""

    @property
    def topic(self) -> str:
        """Name of what is read; positions belong to it."""
        ...

    def read(self, position: str, deadline: float) -> StreamBatch:
        """Give the events after this position, waiting for some until the deadline; an empty position is now."""
        ...

    def close(self) -> None:
        """End a read that waits, and the connection. Repeatable, by any thread."""
        ...


class Crm(Protocol):
    """One account of a CRM, called with one credential."""

    @property
    def capabilities(self) -> Capabilities:
        """What this account can do."""
        ...

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

    def prepare(self, mapping: FieldMapping, written: Set[str]) -> Mapping[str, ValueType]:
        """Check the mapping, of which the fields `written` may go to the CRM, and set up our marks. Repeatable.

        Gives the kind of each mapped field's property.
        """
        ...

    def observe(self, leases: Sequence[Lease], deadline: float) -> list[Observation]:
        """Read the records of these leases in few calls: one observation per lease.

        A record that the CRM fails on, or that is in an answer of another form, alone is `Unread`.
        """
        ...

    def write(self, writes: Sequence[Write], send_by: float) -> dict[str, WriteOutcome]:
        """Carry out writes: write id → outcome, none if it may have landed. Nothing is sent after `send_by` (R4).

        Where writes can be guarded, each is bound to its basis. What may land late has to be guarded or idempotent.
        """
        ...

    def changed_since(self, since: datetime, position: object | None, deadline: float) -> Page:
        """Page through the records modified at or after `since`, oldest first."""
        ...

    def removed_since(self, since: datetime, position: str, deadline: float) -> RemovedPage:
        """Page through the records archived or deleted at or after `since`, as far as the CRM lists them.

        The order never changes; positions are texts, empty = the start.
        """
        ...

    def all_records(self, position: str, deadline: float) -> Page:
        """Page through all records, in an order that never changes; positions are texts, empty = the start."""
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

    def record_url(self, record_id: str) -> str:
        """Give the page of a record in the CRM, for people; empty if unknown. No call is made."""
        ...

    def stream(self) -> EventStream | None:
        """Open the stream of this account's events; None if it has none."""
        ...

    def ensure_subscription(self) -> datetime | None:
        """Make sure that this account's events are sent to us: when that ends, None = never. Repeatable."""
        ...


class CrmProvider(Protocol):
    """Everything about one kind of CRM that is not bound to an account."""

    @property
    def name(self) -> str:
        """Name of the CRM as people write it."""
        ...

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

    def capabilities(self, integration: Integration) -> Capabilities:
        """Say what the account of an integration can do. No call is made."""
        ...

    def open(self, token: TokenSource, kind: CredentialKind) -> Crm:
        """Use a credential whose account is not known yet."""
        ...

    def connect(self, integration: Integration, token: TokenSource) -> Crm:
        """Make the client of an integration; `token` gives the present access token."""
        ...

    def exchange(self, code: str, redirect_uri: str) -> Tokens:
        """Turn the code of an OAuth redirect into tokens."""
        ...

    def authenticate(self, credential: Credential) -> Tokens:
        """Get an access token for a credential.

        Raises:
            InvalidError: `credential_not_supported`, if the CRM has no such kind of credential.

        """
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
