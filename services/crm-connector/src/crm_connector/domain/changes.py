"""What people may ask of integrations: a new one, or other settings of an existing one. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from crm_connector.domain import mapping
from crm_connector.domain.integration import (
    Credential,
    Deletions,
    Direction,
    FieldRule,
    Integration,
    MatchKey,
    check_rules,
)
from crm_connector.domain.mapping import FieldMapping, Limits
from crm_connector.domain.transforms import Transform


@dataclass(frozen=True, slots=True)
class OAuthCode:
    """What an OAuth install page hands over."""

    code: str = field(repr=False)
    redirect_uri: str


@dataclass(frozen=True, slots=True)
class NewIntegration:
    """An account to connect; empty texts and an empty mapping stand for the default."""

    tenant_id: str
    provider: str
    credential: Credential | OAuthCode
    direction: Direction
    request_id: str = ""
    account_id: str = ""
    app_id: str = ""
    mapping: Mapping[str, str] = field(default_factory=dict)
    rules: tuple[FieldRule, ...] = ()
    deletions: Deletions = field(default_factory=Deletions)
    paused: bool = False
    transforms: Mapping[str, tuple[Transform, ...]] = field(default_factory=dict)
    match_keys: tuple[MatchKey, ...] = (MatchKey.EMAIL,)
    phone_region: str = ""


@dataclass(frozen=True, slots=True)
class Changes:
    """Changes of an integration; None keeps what is there."""

    direction: Direction | None = None
    mapping: Mapping[str, str] | None = None
    rules: tuple[FieldRule, ...] | None = None
    paused: bool | None = None
    deletions: Deletions | None = None
    credential: Credential | None = None
    transforms: Mapping[str, tuple[Transform, ...]] | None = None
    match_keys: tuple[MatchKey, ...] | None = None
    phone_region: str | None = None


def with_changes(current: Integration, changes: Changes, limits: Limits) -> Integration:
    """Build the changed integration. Rules and steps of fields that are no longer mapped are dropped, but for new ones.

    Raises:
        InvalidError: `invalid_field_mapping`, `invalid_field_rules` or `invalid_field_transforms`, naming the field.

    """
    checked = mapping.check(changes.mapping, limits) if changes.mapping is not None else current.field_mapping
    direction = changes.direction or current.direction
    rules = tuple(rule for rule in current.rules if rule.field in checked.properties)
    transforms = {field: steps for field, steps in current.transforms.items() if field in checked.properties}
    return replace(
        current,
        direction=direction,
        mapping=checked.properties,
        rules=check_rules(rules if changes.rules is None else changes.rules, checked, direction),
        transforms=mapping.check_transforms(
            transforms if changes.transforms is None else changes.transforms, checked, limits
        ),
        match_keys=changes.match_keys or current.match_keys,
        phone_region=current.phone_region if changes.phone_region is None else changes.phone_region,
        deletions=changes.deletions or current.deletions,
        paused=current.paused if changes.paused is None else changes.paused,
    )


def with_default(made: Integration, default: FieldMapping) -> Integration:
    """Give an integration its account's default mapping. Rules and steps of fields that are not in it are dropped."""
    steps = {**default.steps, **made.transforms}
    return replace(
        made,
        mapping=default.properties,
        rules=tuple(rule for rule in made.rules if rule.field in default.properties),
        transforms={name: taken for name, taken in steps.items() if name in default.properties},
    )
