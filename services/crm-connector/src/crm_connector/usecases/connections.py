"""Clients and access tokens of integrations: made once per revision, shared by all threads."""

import math
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext

import structlog

from crm_connector.crm import Access, Crm, CrmProvider
from crm_connector.domain.errors import InvalidError, NotFoundError
from crm_connector.domain.integration import Credential, CredentialKind, Integration
from crm_connector.domain.loops import Loop
from crm_connector.mongo.integrations import MongoIntegrations
from crm_connector.usecases.loops import Loops
from crm_connector.vault import AesVault

# A token is renewed so long before it expires, so that it lasts for a job that has just begun.
_RENEW_AHEAD_SECONDS = 120.0
_log = structlog.get_logger()


class RenewedToken:
    """Access tokens of a credential. One thread renews ahead of the expiry while the others wait."""

    def __init__(
        self,
        provider: CrmProvider,
        credential: Credential,
        rotated: Callable[[Credential], None],
        monotonic: Callable[[], float] = time.monotonic,
        watch: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        """`rotated` stores a credential whose refresh token the CRM has replaced; `watch` sees each renewal."""
        self._provider = provider
        self._credential = credential
        self._rotated = rotated
        self._monotonic = monotonic
        self._watch = watch
        self._lock = threading.Lock()
        self._access: Access | None = None
        self._good_until = math.inf

    def get(self) -> Access:
        """Give an access token that is good for two minutes at least, as far as the CRM says how long it is good."""
        with self._lock:
            if self._access is None or self._monotonic() > self._good_until:
                self._access = self._renewed()
            return self._access

    def reject(self, token: str) -> None:
        """Renew at the next `get`, unless that has been done since."""
        with self._lock:
            if self._access is not None and token == self._access.token:
                self._access = None

    def _renewed(self) -> Access:
        asked_at = self._monotonic()
        with self._watch():
            tokens = self._provider.authenticate(self._credential)
        if tokens.refresh_token and tokens.refresh_token != self._credential.secrets.get("refresh_token"):
            secrets = {**self._credential.secrets, "refresh_token": tokens.refresh_token}
            self._credential = Credential(self._credential.kind, secrets)
            self._rotated(self._credential)
        lasts = math.inf if tokens.expires_in is None else tokens.expires_in
        self._good_until = asked_at + max(lasts - _RENEW_AHEAD_SECONDS, lasts / 2)
        return Access(tokens.access_token, tokens.host)


class Connections:
    """Gives the client of an integration, always for its present revision and credential."""

    def __init__(
        self, integrations: MongoIntegrations, vault: AesVault, providers: Mapping[str, CrmProvider], loops: Loops
    ) -> None:
        self._integrations = integrations
        self._loops = loops
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

    def seal_again(self, integration_id: str) -> bool:
        """Seal a credential with the first key, if another one seals it: whether that was necessary, and done.

        PreconditionError `credential_unreadable` if no key opens it.
        """
        sealed = self._integrations.sealed(integration_id)
        if self._vault.key_number(sealed) == 1:
            return False
        again = self._vault.seal(integration_id, self._vault.open(integration_id, sealed))
        return self._integrations.reseal(integration_id, sealed, again)

    def keys_in_use(self) -> tuple[int, frozenset[int]]:
        """Count the keys, and give the places of those that seal a credential, from 1; 0 = one that is not there."""
        return self._vault.key_count, frozenset(map(self._vault.key_number, self._integrations.all_sealed()))

    def _put_rotated(self, integration_id: str, known: tuple[bytes, Credential], rotated: bytes) -> None:
        """Store a credential in the place of the one it replaces, which may have been sealed again meanwhile."""
        if self._integrations.reseal(integration_id, known[0], rotated):
            return
        present = self._integrations.sealed(integration_id)
        if self._vault.open(integration_id, present) == known[1]:
            self._integrations.reseal(integration_id, present, rotated)

    def _connect(self, integration: Integration) -> Crm:
        """Open the credential; a refresh token that the CRM replaces is stored in its place."""
        integration_id, provider = integration.integration_id, self.provider(integration.provider)
        sealed = self._integrations.sealed(integration_id)
        credential = self._vault.open(integration_id, sealed)
        known = [(sealed, credential)]

        def rotated(credential: Credential) -> None:
            known.append((self._vault.seal(integration_id, credential), credential))
            self._put_rotated(integration_id, known[-2], known[-1][0])
            _log.info("refresh_token_rotated", integration_id=integration_id)

        def watch() -> AbstractContextManager[None]:
            return self._loops.watch(integration_id, Loop.TOKEN_REFRESH)

        given = credential.kind is CredentialKind.ACCESS_TOKEN  # it is never renewed
        token = RenewedToken(provider, credential, rotated, watch=nullcontext if given else watch)
        return provider.connect(integration, token)
