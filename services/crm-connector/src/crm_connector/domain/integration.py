"""An integration: one connected CRM account of one tenant, and what it may do."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum

from crm_connector.domain.errors import InvalidError
from crm_connector.domain.mapping import FieldMapping
from crm_connector.domain.transforms import REGIONS, Transform


class Direction(Enum):
    """Which way changes may flow."""

    TO_CRM = "to_crm"
    FROM_CRM = "from_crm"
    BIDIRECTIONAL = "bidirectional"

    @property
    def to_crm(self) -> bool:
        """Whether the platform's changes may flow to the CRM."""
        return self is not Direction.FROM_CRM

    @property
    def from_crm(self) -> bool:
        """Whether the CRM's changes may flow to the platform."""
        return self is not Direction.TO_CRM


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

    @property
    def meant(self) -> "MergeRule":
        """The rule, the default in place of none."""
        return MergeRule.NEWEST if self is MergeRule.UNSPECIFIED else self


class BlankRule(Enum):
    """What a blank on one side means."""

    UNSPECIFIED = "unspecified"
    KEEP = "keep"
    CLEAR = "clear"

    @property
    def meant(self) -> "BlankRule":
        """The rule, the default in place of none."""
        return BlankRule.KEEP if self is BlankRule.UNSPECIFIED else self


@dataclass(frozen=True, slots=True)
class FieldRule:
    """How one mapped field is kept the same; `direction` is within the integration's own."""

    field: str
    rule: MergeRule = MergeRule.UNSPECIFIED
    blank: BlankRule = BlankRule.UNSPECIFIED
    direction: Direction = Direction.BIDIRECTIONAL


class DeletePolicy(Enum):
    """What happens to a lead whose record was deleted in the CRM."""

    UNSPECIFIED = "unspecified"
    UNLINK = "unlink"
    DELETE_LEAD = "delete_lead"
    IGNORE = "ignore"


class RecordPolicy(Enum):
    """What happens to a record whose lead was deleted on the platform."""

    UNSPECIFIED = "unspecified"
    LEAVE = "leave"
    ARCHIVE = "archive"


class MatchKey(Enum):
    """What lead and record must have in common to be the same person."""

    EMAIL = "email"
    PHONE = "phone"
    NAME_DOMAIN = "name_domain"


@dataclass(frozen=True, slots=True)
class Deletions:
    """How deletions are followed on the other side; zeros stand for lead-store's defaults."""

    policy: DeletePolicy = DeletePolicy.UNSPECIFIED
    grace_seconds: int = 0
    cap_number: int = 0
    cap_percent: int = 0
    record_policy: RecordPolicy = RecordPolicy.UNSPECIFIED


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
    transforms: Mapping[str, tuple[Transform, ...]] = field(default_factory=dict)
    match_keys: tuple[MatchKey, ...] = (MatchKey.EMAIL,)
    phone_region: str = ""
    apply_run_id: str = ""  # run that applies the last change of what decides to what is linked already

    @property
    def field_mapping(self) -> FieldMapping:
        """The mapping with its two directions and its fingerprint."""
        return FieldMapping(self.mapping, self.transforms)

    @property
    def etag(self) -> str:
        """Revision as text, which guards changes."""
        return str(self.revision)

    @property
    def reads_crm(self) -> bool:
        """Whether changes may come from the CRM, so that it is swept."""
        return self.direction.from_crm

    @property
    def writes_crm(self) -> bool:
        """Whether changes may go to the CRM."""
        return self.direction.to_crm

    @property
    def field_rules(self) -> tuple[FieldRule, ...]:
        """One rule for every mapped field, the default where none was given."""
        given = {rule.field: rule for rule in self.rules}
        return tuple(given.get(field, FieldRule(field)) for field in sorted(self.mapping))

    @property
    def deciding(self) -> tuple[object, ...]:
        """What decides what becomes of a record: once it changes, every record has to be looked at again (R19)."""
        rules = tuple(replace(rule, rule=rule.rule.meant, blank=rule.blank.meant) for rule in self.field_rules)
        matching = (frozenset(self.match_keys), self.phone_region)
        return self.direction, self.field_mapping.fingerprint, rules, matching

    @property
    def written_fields(self) -> frozenset[str]:
        """Mapped fields whose changes may go to the CRM."""
        allowed = (rule.field for rule in self.field_rules if rule.direction.to_crm)
        return frozenset(allowed) if self.writes_crm else frozenset()


def check_rules(
    rules: tuple[FieldRule, ...], mapping: FieldMapping, direction: Direction = Direction.BIDIRECTIONAL
) -> tuple[FieldRule, ...]:
    """Check rules that a person gave: each for a mapped field, once, with a way to flow within the integration's own.

    Raises:
        InvalidError: `invalid_field_rules`.

    """
    seen: set[str] = set()
    for rule in rules:
        if rule.field not in mapping.properties or rule.field in seen:
            message = f"A rule needs a mapped field of its own; `{rule.field[:80]}` is not mapped or named twice."
            raise InvalidError("invalid_field_rules", message, field=f"field_rules.{rule.field[:80]}")
        if {rule.direction, direction} == {Direction.TO_CRM, Direction.FROM_CRM}:
            message = (
                f"It flows nowhere: the field may flow {rule.direction.value} only, the integration {direction.value}. "
                "Change one of the directions, or leave the field out of the mapping."
            )
            raise InvalidError("invalid_field_rules", message, field=f"field_rules.{rule.field}.direction")
        seen.add(rule.field)
    return rules


def check_region(region: str) -> str:
    """Check the country of phone numbers that name none; empty = none.

    Raises:
        InvalidError: `invalid_field`.

    """
    if region and region not in REGIONS:
        message = "Name the country by its two letters, such as CH or US."
        raise InvalidError("invalid_field", message, field="phone_region")
    return region
