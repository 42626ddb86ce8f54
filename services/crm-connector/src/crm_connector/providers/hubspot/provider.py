"""HubSpot behind the ports of `crm.py`."""

import threading
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime

from requests.adapters import BaseAdapter

from crm_connector.crm import EventStream, Page, ProviderContext, Quota, RemovedPage, Schema, Tokens, TokenSource
from crm_connector.domain.capabilities import Capabilities, EventMode
from crm_connector.domain.integration import Account, Credential, CredentialKind, Integration
from crm_connector.domain.mapping import FieldMapping, Limits
from crm_connector.domain.observation import Lease, Observation, Write, WriteOutcome
from crm_connector.domain.values import ValueType
from crm_connector.providers.hubspot import oauth, search, subscriptions
from crm_connector.providers.hubspot.budget import AccountBudget
from crm_connector.providers.hubspot.client import HubSpotClient
from crm_connector.providers.hubspot.contacts import OBJECT, ContactReader
from crm_connector.providers.hubspot.defaults import DEFAULT_MAPPING, LIMITS, default_mapping
from crm_connector.providers.hubspot.fixes import FIXES
from crm_connector.providers.hubspot.paths import Paths
from crm_connector.providers.hubspot.properties import PropertySetup
from crm_connector.providers.hubspot.settings import HubSpotSettings
from crm_connector.providers.hubspot.transport import Transport
from crm_connector.providers.hubspot.writes import ContactWriter

_APP_URL = "https://app.hubspot.com"
_CAPABILITIES = Capabilities(
    objects=(OBJECT,),
    events=EventMode.WEBHOOK,
    history=True,
    guarded_writes=False,
    write_stamp=False,
    erasure_events=True,
    overlap=60.0,  # a search lags behind by half a minute at most
    unread_within=0.0,
    late_landing=10.0,
    removals_every=3_600.0,  # the archive has to be listed as a whole
)


@dataclass(frozen=True, slots=True)
class HubSpotCrm:
    """One HubSpot account, called with one credential."""

    client: HubSpotClient
    token: TokenSource
    kind: CredentialKind
    mapping: FieldMapping
    account_id: str
    app_id: str
    context: ProviderContext

    @property
    def capabilities(self) -> Capabilities:
        """What an account can do."""
        return _CAPABILITIES

    @property
    def timeout(self) -> float:
        """Seconds that one call may take at most."""
        return self.client.timeout

    def mapped(self, mapping: FieldMapping) -> "HubSpotCrm":
        """Give the same account under another mapping."""
        return replace(self, mapping=mapping)

    def low_priority(self) -> "HubSpotCrm":
        """Give the same account for work that may wait."""
        return replace(self, client=self.client.low_priority())

    def account(self, *, writes: bool) -> Account:
        """Ask which account the credential belongs to, and which scopes it lacks."""
        return oauth.read_account(self.client, self.kind, self.token.get().token, writes=writes)

    def prepare(self, mapping: FieldMapping, written: Set[str]) -> Mapping[str, ValueType]:
        """Check a mapping and set up our marks: the kinds of its properties."""
        return PropertySetup(self.client, self.context.platform).prepare(mapping, written)

    def observe(self, leases: Sequence[Lease], deadline: float) -> list[Observation]:
        """Read the records of leases."""
        return self._reader().observe(leases, deadline)

    def write(self, writes: Sequence[Write], send_by: float) -> dict[str, WriteOutcome]:
        """Carry out writes."""
        return ContactWriter(self.client, self.mapping, self.context.platform, self.context.retries).write(
            writes, send_by
        )

    def changed_since(self, since: datetime, position: object | None, deadline: float) -> Page:
        """Read a page of a sweep."""
        return search.search_page(self._reader(), since, position, deadline)

    def all_records(self, position: str, deadline: float) -> Page:
        """Read a page of an import."""
        return search.list_page(self._reader(), position, deadline)

    def removed_since(self, since: datetime, position: str, deadline: float) -> RemovedPage:
        """Read a page of the archive."""
        return search.archive_page(self.client, since, position, deadline)

    def count(self) -> int:
        """Ask how many contacts there are."""
        return search.count(self.client)

    def schema(self) -> Schema:
        """Read the properties of contacts."""
        return PropertySetup(self.client, self.context.platform).schema()

    def default_mapping(self) -> FieldMapping:
        """Give the default mapping, as this account's properties allow."""
        return default_mapping(self.schema().fields)

    def is_failing(self) -> bool:
        """Whether the circuit breaker is open."""
        return self.client.budget.breaker_open

    def quota(self) -> Quota | None:
        """Give the daily quota of the last answer."""
        return self.client.budget.daily

    def record_url(self, record_id: str) -> str:
        """Give the page of a contact; a simulator has one at its own address."""
        base = self.client.base_url
        app_url = _APP_URL if base.endswith(".hubapi.com") else base
        return f"{app_url}/contacts/{self.account_id}/record/0-1/{record_id}"

    def stream(self) -> EventStream | None:
        """HubSpot sends webhooks."""
        return None

    def ensure_subscription(self) -> datetime | None:
        """Subscriptions belong to the app, and never end."""
        return None

    def _reader(self) -> ContactReader:
        return ContactReader(self.client, self.mapping, self.app_id, self.record_url)


class HubSpot:
    """The provider `hubspot`."""

    def __init__(self, settings: HubSpotSettings, context: ProviderContext, adapter: BaseAdapter | None = None) -> None:
        """`adapter` replaces the one that opens real connections."""
        self._settings = settings
        self._context = context
        self._transport = Transport(settings.base_url, settings.timeout_seconds, context.count_call, adapter)
        self._paths = Paths(settings.api_version)
        self._oauth = oauth.OAuthApp(self._transport, self._paths, settings.client_id, settings.client_secret)
        self._lock = threading.Lock()
        self._budgets: dict[str, AccountBudget] = {}

    @property
    def name(self) -> str:
        """Name that people know it by."""
        return "HubSpot"

    @property
    def default_mapping(self) -> Mapping[str, str]:
        """Mapping of a new integration that names none."""
        return DEFAULT_MAPPING

    @property
    def limits(self) -> Limits:
        """How long names of properties and options may be."""
        return LIMITS

    @property
    def base_url(self) -> str:
        """Address of HubSpot."""
        return self._settings.base_url

    @property
    def fixes(self) -> Mapping[str, str]:
        """What a person has to do about HubSpot's own errors."""
        return FIXES

    def close(self) -> None:
        """Close all connections."""
        self._transport.close()

    def capabilities(self, _integration: Integration) -> Capabilities:
        """What an account can do."""
        return _CAPABILITIES

    def open(self, token: TokenSource, kind: CredentialKind) -> HubSpotCrm:
        """Use a credential whose account is not known yet."""
        client = HubSpotClient(self._transport, self._paths, self._budget("UTC"), token)
        return HubSpotCrm(client, token, kind, FieldMapping(DEFAULT_MAPPING), "", "", self._context)

    def connect(self, integration: Integration, token: TokenSource) -> HubSpotCrm:
        """Make the client of an integration, on the budget of its account."""
        with self._lock:
            account_id = integration.account_id
            budget = self._budgets.get(account_id) or self._budget(integration.time_zone)
            self._budgets[account_id] = budget
        client = HubSpotClient(self._transport, self._paths, budget, token)
        mapping, app_id = integration.field_mapping, integration.app_id
        return HubSpotCrm(client, token, integration.credential_kind, mapping, account_id, app_id, self._context)

    def exchange(self, code: str, redirect_uri: str) -> Tokens:
        """Turn an OAuth code into tokens."""
        return self._oauth.exchange(code, redirect_uri)

    def authenticate(self, credential: Credential) -> Tokens:
        """Get an access token for a credential."""
        return self._oauth.authenticate(credential)

    def webhooks(self, app_id: str) -> subscriptions.AppWebhooks | None:
        """Manage an app's subscriptions; needs the developer key."""
        key = self._settings.developer_key
        return subscriptions.AppWebhooks(self._transport, self._paths, app_id, key) if app_id and key else None

    def events(self, properties: Sequence[str]) -> list[tuple[str, str]]:
        """Give the subscriptions that the mapped properties need."""
        return subscriptions.wanted(properties)

    def webhook_instructions(self, url: str, properties: Sequence[str]) -> str:
        """Say what to click."""
        return subscriptions.instructions(url, properties)

    def _budget(self, time_zone: str) -> AccountBudget:
        context = self._context
        return AccountBudget(context.stop, time_zone, context.monotonic, open_waits=context.retries.breaker)
