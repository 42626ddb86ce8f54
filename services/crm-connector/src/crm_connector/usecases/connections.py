"""Clients and access tokens of integrations: made once per revision, shared by all threads."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog

from crm_connector.crm import Crm, CrmProvider, TokenSource
from crm_connector.domain.errors import InvalidError, NotFoundError
from crm_connector.domain.integration import Credential, CredentialKind, Integration
from crm_connector.ports import IntegrationRepository, Vault

# HubSpot's access tokens last 30 minutes; refreshing this long before covers a job that has just begun.
_REFRESH_AHEAD_SECONDS = 120.0
_log = structlog.get_logger()


class StaticToken:
    """A token that does not expire."""

    def __init__(self, token: str) -> None:
        self._token = token

    def get(self) -> str:
        """Give it."""
        return self._token

    def reject(self, token: str) -> None:
        """Nothing can be done about it here."""


class OAuthToken:
    """Access tokens made from a refresh token: refreshed ahead of expiry, by one thread while the others wait."""

    def __init__(
        self,
        provider: CrmProvider,
        refresh_token: str,
        rotated: Callable[[str], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`rotated` keeps a new refresh token that the CRM hands out."""
        self._provider = provider
        self._refresh_token = refresh_token
        self._rotated = rotated
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._token = ""
        self._good_until = 0.0

    def get(self) -> str:
        """Give an access token that is good for two minutes at least."""
        with self._lock:
            if not self._token or self._monotonic() > self._good_until:
                self._refresh()
            return self._token

    def reject(self, token: str) -> None:
        """Refresh at the next `get`, unless that has happened since."""
        with self._lock:
            if token == self._token:
                self._token = ""

    def _refresh(self) -> None:
        asked_at = self._monotonic()
        tokens = self._provider.refresh(self._refresh_token)
        if tokens.refresh_token and tokens.refresh_token != self._refresh_token:
            self._rotated(tokens.refresh_token)
            self._refresh_token = tokens.refresh_token
        self._token = tokens.access_token
        self._good_until = asked_at + max(tokens.expires_in - _REFRESH_AHEAD_SECONDS, tokens.expires_in / 2)


def token_source(provider: CrmProvider, credential: Credential, rotated: Callable[[str], None]) -> TokenSource:
    """Make the token source of a credential."""
    if credential.kind is CredentialKind.ACCESS_TOKEN:
        return StaticToken(credential.secret)
    return OAuthToken(provider, credential.secret, rotated)


@dataclass(frozen=True, slots=True)
class Connection:
    """An integration as it was loaded, with its client."""

    integration: Integration
    crm: Crm


class Connections:
    """Gives the connection of an integration, always for its present revision and credential."""

    def __init__(self, integrations: IntegrationRepository, vault: Vault, providers: Mapping[str, CrmProvider]) -> None:
        self._integrations = integrations
        self._vault = vault
        self._providers = providers
        self._lock = threading.Lock()
        self._made: dict[str, tuple[int, Connection]] = {}

    def provider(self, name: str) -> CrmProvider:
        """Give a provider.

        Raises:
            InvalidError: `unknown_provider`.

        """
        if name not in self._providers:
            message = f"Known providers: {', '.join(sorted(self._providers))}."
            raise InvalidError("unknown_provider", message, field="provider")
        return self._providers[name]

    def get(self, integration_id: str) -> Connection:
        """Give the connection.

        Raises:
            NotFoundError: `integration_not_found`, also while it is being deleted.

        """
        integration = self._integrations.find(integration_id)
        if integration is None or integration.deleting:
            self.forget(integration_id)
            raise NotFoundError("integration_not_found", "There is no such integration.")
        with self._lock:
            known = self._made.get(integration_id)
            if known is not None and known[0] == integration.revision:
                return known[1]
            connection = self._connect(integration)
            self._made[integration_id] = (integration.revision, connection)
            return connection

    def crm(self, integration_id: str) -> Crm:
        """Give the client of an integration."""
        return self.get(integration_id).crm

    def forget(self, integration_id: str) -> None:
        """Drop what is kept of an integration."""
        with self._lock:
            self._made.pop(integration_id, None)

    def _connect(self, integration: Integration) -> Connection:
        provider = self.provider(integration.provider)
        sealed = self._integrations.sealed(integration.integration_id)
        credential = self._vault.open(integration.integration_id, sealed)
        kept = Kept(self._integrations, self._vault, integration.integration_id, sealed)
        return Connection(integration, provider.connect(integration, token_source(provider, credential, kept.rotated)))


class Kept:
    """Keeps a rotated refresh token in place of the one that was loaded."""

    def __init__(self, integrations: IntegrationRepository, vault: Vault, integration_id: str, sealed: bytes) -> None:
        self._integrations = integrations
        self._vault = vault
        self._integration_id = integration_id
        self._sealed = sealed

    def rotated(self, refresh_token: str) -> None:
        """Seal and store the new one."""
        sealed = self._vault.seal(self._integration_id, Credential(CredentialKind.OAUTH, refresh_token))
        self._integrations.reseal(self._integration_id, self._sealed, sealed)
        self._sealed = sealed
        _log.info("refresh_token_rotated", integration_id=self._integration_id)
