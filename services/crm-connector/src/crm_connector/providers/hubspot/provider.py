"""HubSpot behind the ports of `crm.py`."""

import threading
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime

from requests.adapters import BaseAdapter

from crm_connector.crm import ArchivePage, Page, ProviderContext, Quota, Schema, Tokens, TokenSource
from crm_connector.domain.integration import Account, CredentialKind, Integration
from crm_connector.domain.mapping import FieldMapping, Limits
from crm_connector.domain.observation import Lease, Observation, Write, WriteOutcome
from crm_connector.providers.hubspot import oauth, search, subscriptions
from crm_connector.providers.hubspot.budget import AccountBudget
from crm_connector.providers.hubspot.client import HubSpotClient, Transport
from crm_connector.providers.hubspot.contacts import ContactReader
from crm_connector.providers.hubspot.defaults import DEFAULT_MAPPING, LIMITS, default_mapping
from crm_connector.providers.hubspot.fixes import FIXES
from crm_connector.providers.hubspot.paths import Paths
from crm_connector.providers.hubspot.properties import PropertySetup
from crm_connector.providers.hubspot.settings import HubSpotSettings
from crm_connector.providers.hubspot.writes import ContactWriter


@dataclass(frozen=True, slots=True)
class HubSpotCrm:
    """One HubSpot account, called with one credential."""

    client: HubSpotClient
    token: TokenSource
    kind: CredentialKind
    mapping: FieldMapping
    app_id: str
    context: ProviderContext

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
        return oauth.read_account(self.client, self.kind, self.token.get(), writes=writes)

    def prepare(self, mapping: FieldMapping, written: Set[str]) -> None:
        """Check a mapping and set up our marks."""
        PropertySetup(self.client, self.context.platform).prepare(mapping, written)

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

    def archived_records(self, position: str, deadline: float) -> ArchivePage:
        """Read a page of the archive."""
        return search.archive_page(self.client, position, deadline)

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

    def _reader(self) -> ContactReader:
        return ContactReader(self.client, self.mapping, self.app_id)


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

    def open(self, token: TokenSource, kind: CredentialKind) -> HubSpotCrm:
        """Use a credential whose account is not known yet."""
        return self._crm(self._budget("UTC"), token, kind, FieldMapping(DEFAULT_MAPPING), "")

    def connect(self, integration: Integration, token: TokenSource) -> HubSpotCrm:
        """Make the client of an integration, on the budget of its account."""
        with self._lock:
            account_id = integration.account_id
            budget = self._budgets.get(account_id) or self._budget(integration.time_zone)
            self._budgets[account_id] = budget
        return self._crm(budget, token, integration.credential_kind, integration.field_mapping, integration.app_id)

    def exchange(self, code: str, redirect_uri: str) -> Tokens:
        """Turn an OAuth code into tokens."""
        return self._oauth.exchange(code, redirect_uri)

    def refresh(self, refresh_token: str) -> Tokens:
        """Get a new access token."""
        return self._oauth.refresh(refresh_token)

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

    def _crm(
        self, budget: AccountBudget, token: TokenSource, kind: CredentialKind, mapping: FieldMapping, app_id: str
    ) -> HubSpotCrm:
        client = HubSpotClient(self._transport, self._paths, budget, token)
        return HubSpotCrm(client, token, kind, mapping, app_id, self._context)
