"""Clients and access tokens of integrations: made once per revision, shared by all threads."""

import threading
import time
from collections.abc import Callable, Mapping

import structlog

from crm_connector.crm import Crm, CrmProvider, TokenSource
from crm_connector.domain.errors import InvalidError, NotFoundError
from crm_connector.domain.integration import Credential, CredentialKind, Integration
from crm_connector.mongo.integrations import MongoIntegrations
from crm_connector.vault import AesVault

# A token is refreshed so long before it expires, so that it lasts for a job that has just begun.
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
        """Do nothing: there is no other token."""


class OAuthToken:
    """Access tokens made from a refresh token. One thread refreshes ahead of the expiry while the others wait."""

    def __init__(
        self,
        provider: CrmProvider,
        refresh_token: str,
        rotated: Callable[[str], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`rotated` stores a new refresh token that the CRM hands out."""
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
        """Refresh at the next `get`, unless that has been done since."""
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


class Connections:
    """Gives the client of an integration, always for its present revision and credential."""

    def __init__(self, integrations: MongoIntegrations, vault: AesVault, providers: Mapping[str, CrmProvider]) -> None:
        self._integrations = integrations
        self._vault = vault
        self._providers = providers
        self._lock = threading.Lock()
        self._made: dict[str, tuple[int, Crm]] = {}

    def provider(self, name: str) -> CrmProvider:
        """Give a provider.

        Raises:
            InvalidError: `unknown_provider`.

        """
        if name not in self._providers:
            message = f"Known providers: {', '.join(sorted(self._providers))}."
            raise InvalidError("unknown_provider", message, field="provider")
        return self._providers[name]

    def crm(self, integration_id: str) -> Crm:
        """Give the client.

        Raises:
            NotFoundError: `integration_not_found`, also while it is being deleted.

        """
        integration = self._integrations.find(integration_id)
        if integration is None or integration.deleting:
            self.forget(integration_id)
            raise NotFoundError("integration_not_found", "There is no such integration.")
        with self._lock:
            revision, crm = self._made.get(integration_id, (0, None))
            if crm is None or revision != integration.revision:
                crm = self._connect(integration)
                self._made[integration_id] = (integration.revision, crm)
            return crm

    def low_priority(self, integration_id: str) -> Crm:
        """Give the client for work that may wait: runs and sweeps. Raises as `crm` does."""
        return self.crm(integration_id).low_priority()

    def health(self) -> tuple[int, float]:
        """Count the accounts that the CRM keeps failing for; and the largest used share of a daily quota (0 to 1)."""
        with self._lock:
            crms = [crm for _, crm in self._made.values()]
        quotas = [quota for crm in crms if (quota := crm.quota()) and quota.per_day]
        return sum(crm.is_failing() for crm in crms), max((1 - q.remaining / q.per_day for q in quotas), default=0.0)

    def forget(self, integration_id: str) -> None:
        """Forget the client of an integration."""
        with self._lock:
            self._made.pop(integration_id, None)

    def _connect(self, integration: Integration) -> Crm:
        """Open the credential; a refresh token that the CRM replaces is stored in its place."""
        integration_id, provider = integration.integration_id, self.provider(integration.provider)
        latest = [self._integrations.sealed(integration_id)]

        def rotated(refresh_token: str) -> None:
            latest.append(self._vault.seal(integration_id, Credential(CredentialKind.OAUTH, refresh_token)))
            self._integrations.reseal(integration_id, latest[-2], latest[-1])
            _log.info("refresh_token_rotated", integration_id=integration_id)

        credential = self._vault.open(integration_id, latest[0])
        return provider.connect(integration, token_source(provider, credential, rotated))
