"""The provider of an account in memory."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field

from crm_connector.crm import Tokens, TokenSource
from crm_connector.domain import integration as domain
from crm_connector.domain.capabilities import Capabilities
from crm_connector.domain.errors import InvalidError
from crm_connector.domain.mapping import FieldMapping, Limits
from integration.connector.crms.account import Account
from integration.connector.crms.crm import MAPPING, MemoryCrm


@dataclass
class MemoryProvider:
    """The provider of one account."""

    can: Capabilities
    account: Account = field(default_factory=Account)
    supported: Set[domain.CredentialKind] = frozenset(domain.CredentialKind)
    asked: list[domain.Credential] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Name that people know it by."""
        return "Memory"

    @property
    def default_mapping(self) -> Mapping[str, str]:
        """Mapping of a new integration that names none."""
        return MAPPING

    @property
    def limits(self) -> Limits:
        """How long names may be."""
        return Limits(100, 100)

    @property
    def base_url(self) -> str:
        """Address of the CRM."""
        return "https://crm.example.com"

    @property
    def fixes(self) -> Mapping[str, str]:
        """Nothing of its own."""
        return {}

    def close(self) -> None:
        """Nothing is open."""

    def capabilities(self, _integration: domain.Integration) -> Capabilities:
        """What the account can do."""
        return self.can

    def open(self, token: TokenSource, kind: domain.CredentialKind) -> MemoryCrm:
        """Use a credential."""
        del kind
        token.get()
        return MemoryCrm(self.account, self.can, FieldMapping(MAPPING))

    def connect(self, integration: domain.Integration, token: TokenSource) -> MemoryCrm:
        """Make the client of an integration."""
        del token
        return MemoryCrm(self.account, self.can, integration.field_mapping)

    def exchange(self, code: str, redirect_uri: str) -> Tokens:
        """Turn a code into tokens."""
        del redirect_uri
        return Tokens("access", f"refresh-{code}")

    def authenticate(self, credential: domain.Credential) -> Tokens:
        """Get an access token."""
        if credential.kind not in self.supported:
            raise InvalidError("credential_not_supported", field=credential.kind.value)
        self.asked.append(credential)
        return Tokens("access", host="https://acme.crm.example.com")

    def webhooks(self, app_id: str) -> None:
        """There are no app-wide subscriptions."""
        del app_id

    def events(self, properties: Sequence[str]) -> list[tuple[str, str]]:
        """There are no app-wide subscriptions."""
        del properties
        return []

    def webhook_instructions(self, url: str, properties: Sequence[str]) -> str:
        """There is nothing to click."""
        del url, properties
        return ""
