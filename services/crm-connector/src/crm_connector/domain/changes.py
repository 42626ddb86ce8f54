"""What people may ask of integrations: a new one, or other settings of an existing one. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from crm_connector.domain import mapping
from crm_connector.domain.integration import Credential, Integration
from crm_connector.domain.mapping import FieldMapping, Limits
from crm_connector.domain.policy import Policy
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
    policy: Policy
    request_id: str = ""
    account_id: str = ""
    app_id: str = ""
    mapping: Mapping[str, str] = field(default_factory=dict)
    paused: bool = False
    transforms: Mapping[str, tuple[Transform, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Changes:
    """Changes of an integration; None keeps what is there. `policy` makes the new policy of the present one.

    Unless `rules_given`, rules of fields that are no longer mapped are dropped.
    """

    policy: Callable[[Policy], Policy] | None = None
    rules_given: bool = False
    mapping: Mapping[str, str] | None = None
    paused: bool | None = None
    credential: Credential | None = None
    transforms: Mapping[str, tuple[Transform, ...]] | None = None


def with_changes(current: Integration, changes: Changes, limits: Limits) -> Integration:
    """Build the changed integration. Steps of fields that are no longer mapped are dropped, but for new ones.

    Raises:
        InvalidError: `invalid_field_mapping` or `invalid_field_transforms`, naming the field.

    """
    checked = mapping.check(changes.mapping, limits) if changes.mapping is not None else current.field_mapping
    transforms = {field: steps for field, steps in current.transforms.items() if field in checked.properties}
    return replace(
        current,
        policy=changes.policy(current.policy) if changes.policy else current.policy,
        mapping=checked.properties,
        transforms=mapping.check_transforms(
            transforms if changes.transforms is None else changes.transforms, checked, limits
        ),
        paused=current.paused if changes.paused is None else changes.paused,
    )


def with_default(made: Integration, default: FieldMapping) -> Integration:
    """Give an integration its account's default mapping. Steps of fields that are not in it are dropped."""
    steps = {**default.steps, **made.transforms}
    return replace(
        made,
        mapping=default.properties,
        transforms={name: taken for name, taken in steps.items() if name in default.properties},
    )
