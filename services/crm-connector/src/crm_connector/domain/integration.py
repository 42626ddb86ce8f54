"""An integration: one connected CRM account of one tenant, and what it may do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from crm_connector.domain.mapping import FieldMapping
from crm_connector.domain.policy import Policy
from crm_connector.domain.transforms import Transform
from crm_connector.domain.values import ValueType


class CredentialKind(Enum):
    """How an integration proves itself."""

    ACCESS_TOKEN = "access_token"  # noqa: S105 - a kind, not a token
    OAUTH = "oauth"
    CLIENT_CREDENTIALS = "client_credentials"
    JWT_BEARER = "jwt_bearer"


@dataclass(frozen=True, slots=True)
class Credential:
    """The secrets of a kind by name, such as `access_token` or `refresh_token`. They are never printed."""

    kind: CredentialKind
    secrets: Mapping[str, str] = field(repr=False)

    @classmethod
    def access_token(cls, token: str) -> "Credential":
        """Make the credential of an access token that does not expire."""
        return cls(CredentialKind.ACCESS_TOKEN, {"access_token": token})

    @classmethod
    def refresh_token(cls, token: str) -> "Credential":
        """Make the credential of an OAuth refresh token."""
        return cls(CredentialKind.OAUTH, {"refresh_token": token})


@dataclass(frozen=True, slots=True)
class Account:
    """The account that a credential belongs to. `missing_scopes` are those that we need and it lacks."""

    account_id: str
    app_id: str = ""
    missing_scopes: tuple[str, ...] = ()
    time_zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Integration:
    """One connected account; the credential is kept apart.

    `effective` is the policy with every default of lead-store, as far as an apply run is made for it. `types` are those
    of the mapped lead fields, `kinds` those of their properties; both were read when the settings were last checked.
    """

    integration_id: str
    tenant_id: str
    provider: str
    account_id: str
    app_id: str
    credential_kind: CredentialKind
    policy: Policy
    mapping: Mapping[str, str]
    created_at: datetime
    paused: bool = False
    webhooks_enabled: bool = False
    revision: int = 1
    request_id: str = ""
    time_zone: str = "UTC"
    deleting: bool = False
    transforms: Mapping[str, tuple[Transform, ...]] = field(default_factory=dict)
    apply_run_id: str = ""  # run that applies the last change of what decides to what is linked already
    effective: str = ""
    types: Mapping[str, ValueType] = field(default_factory=dict)
    kinds: Mapping[str, ValueType] = field(default_factory=dict)

    @property
    def field_mapping(self) -> FieldMapping:
        """The mapping with its two directions and its fingerprint."""
        return FieldMapping(self.mapping, self.transforms, self.types, self.kinds)

    @property
    def etag(self) -> str:
        """Revision as text, which guards changes."""
        return str(self.revision)

    @property
    def reads_crm(self) -> bool:
        """Whether changes may come from the CRM, so that it is swept."""
        return self.policy.from_crm

    @property
    def writes_crm(self) -> bool:
        """Whether changes may go to the CRM."""
        return self.policy.to_crm

    @property
    def written_fields(self) -> frozenset[str]:
        """Mapped fields whose changes may go to the CRM."""
        return self.policy.written(self.mapping)

    def decides_like(self, other: "Integration") -> bool:
        """Whether decisions are the same under both settings; else every record has to be looked at again (R19).

        An effective policy that was never read is no reason.
        """
        known = self.effective and other.effective
        same_policy = self.effective == other.effective or not known
        return same_policy and self.field_mapping.fingerprint == other.field_mapping.fingerprint
