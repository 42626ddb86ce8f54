"""An integration: one connected CRM account of one tenant, and what it may do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from crm_connector.domain.errors import InvalidError
from crm_connector.domain.mapping import FieldMapping


class Direction(Enum):
    """Which way changes may flow."""

    TO_CRM = "to_crm"
    FROM_CRM = "from_crm"
    BIDIRECTIONAL = "bidirectional"


class CredentialKind(Enum):
    """How an integration proves itself."""

    ACCESS_TOKEN = "access_token"  # noqa: S105 - a kind, not a token
    OAUTH = "oauth"


class MergeRule(Enum):
    """Who wins when both sides changed a field."""

    UNSPECIFIED = "unspecified"
    CRM = "crm"
    PLATFORM = "platform"
    NEWEST = "newest"
    ASK = "ask"


class BlankRule(Enum):
    """What a blank on one side means."""

    UNSPECIFIED = "unspecified"
    KEEP = "keep"
    CLEAR = "clear"


@dataclass(frozen=True, slots=True)
class FieldRule:
    """How one mapped field is kept the same."""

    field: str
    rule: MergeRule = MergeRule.UNSPECIFIED
    blank: BlankRule = BlankRule.UNSPECIFIED


class DeletePolicy(Enum):
    """What happens to a lead whose record was deleted in the CRM."""

    UNSPECIFIED = "unspecified"
    UNLINK = "unlink"
    DELETE_LEAD = "delete_lead"
    IGNORE = "ignore"


@dataclass(frozen=True, slots=True)
class Deletions:
    """How deletions in the CRM are followed; zeros stand for lead-store's defaults."""

    policy: DeletePolicy = DeletePolicy.UNSPECIFIED
    grace_seconds: int = 0
    cap_number: int = 0
    cap_percent: int = 0


@dataclass(frozen=True, slots=True)
class Credential:
    """A secret and its kind: an access token, or an OAuth refresh token. Never printed."""

    kind: CredentialKind
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Account:
    """What a credential says about itself; `missing_scopes` are those that we need and it lacks."""

    account_id: str
    app_id: str = ""
    missing_scopes: tuple[str, ...] = ()
    time_zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Integration:
    """One connected account; the credential is kept apart."""

    integration_id: str
    tenant_id: str
    provider: str
    account_id: str
    app_id: str
    credential_kind: CredentialKind
    direction: Direction
    mapping: Mapping[str, str]
    created_at: datetime
    rules: tuple[FieldRule, ...] = ()
    deletions: Deletions = field(default_factory=Deletions)
    paused: bool = False
    webhooks_enabled: bool = False
    revision: int = 1
    request_id: str = ""
    time_zone: str = "UTC"
    deleting: bool = False

    @property
    def field_mapping(self) -> FieldMapping:
        """The mapping with its two directions and its fingerprint."""
        return FieldMapping(self.mapping)

    @property
    def etag(self) -> str:
        """Revision as text, which guards changes."""
        return str(self.revision)

    @property
    def reads_crm(self) -> bool:
        """Whether changes may come from the CRM, so that it is swept."""
        return self.direction is not Direction.TO_CRM

    @property
    def writes_crm(self) -> bool:
        """Whether changes may go to the CRM."""
        return self.direction is not Direction.FROM_CRM

    @property
    def field_rules(self) -> tuple[FieldRule, ...]:
        """One rule for every mapped field, the default where none was given."""
        given = {rule.field: rule for rule in self.rules}
        return tuple(given.get(field, FieldRule(field)) for field in sorted(self.mapping))


def check_rules(rules: tuple[FieldRule, ...], mapping: FieldMapping) -> tuple[FieldRule, ...]:
    """Check rules that a person gave: each for a mapped field, once.

    Raises:
        InvalidError: `invalid_field_rules`.

    """
    seen: set[str] = set()
    for rule in rules:
        if rule.field not in mapping.properties or rule.field in seen:
            message = f"A rule needs a mapped field of its own; `{rule.field[:80]}` is not mapped or named twice."
            raise InvalidError("invalid_field_rules", message, field=f"field_rules.{rule.field[:80]}")
        seen.add(rule.field)
    return rules
