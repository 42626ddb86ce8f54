"""The settings of an integration: as JSON, and as the contracts have them."""

from typing import Annotated, Any, Literal

from leadsync.integration.v1 import integration_pb2
from msgspec import UNSET, Meta, Struct, UnsetType

from webhook_gateway.resources.basics import Direction
from webhook_gateway.resources.policy import (
    FieldRule,
    Policies,
    Region,
    effective_policy,
    policy_message,
    policy_paths,
)
from webhook_gateway.rpc.messages import number, plain
from webhook_gateway.rpc.names import LeadField, contract_field, http_field

Property = Annotated[str, Meta(min_length=1)]
Word = Annotated[str, Meta(min_length=1, max_length=3_000)]


class Transform(Struct, rename="camel", forbid_unknown_fields=True):
    """One step of a value from the CRM to the platform; backwards on the way to the CRM.

    `options` (the CRM's option: the platform's word) belong to the kind of that name, `region` (the country of numbers
    that name none) to `phone_e164`.
    """

    kind: Literal["trim", "lower", "upper", "phone_e164", "options", "date"]
    region: Region | UnsetType = UNSET
    options: Annotated[dict[Word, Word], Meta(min_length=1, max_length=1_000)] | UnsetType = UNSET


Steps = Annotated[list[Transform], Meta(min_length=1, max_length=5)]


class Proposal(Struct, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """Settings to try out; what is absent is as it is. Of the policies only `matching` can be tried."""

    direction: Direction | UnsetType = UNSET
    field_mapping: dict[LeadField, Property] | UnsetType = UNSET
    field_rules: dict[LeadField, FieldRule] | UnsetType = UNSET
    field_transforms: dict[LeadField, Steps] | UnsetType = UNSET
    policies: Policies | UnsetType = UNSET


def settings_of(change: Proposal) -> integration_pb2.Integration:
    """Write the settings that are given."""
    return integration_pb2.Integration(
        policy=policy_message(change.direction, change.field_rules, change.policies),
        field_mapping={contract_field(name): value for name, value in (change.field_mapping or {}).items()},
        field_transforms=[
            integration_pb2.FieldTransforms(field=contract_field(name), transforms=map(_transform, steps))
            for name, steps in (change.field_transforms or {}).items()
        ],
        paused=getattr(change, "paused", UNSET) is True,
    )


def paths_of(change: Proposal) -> list[str]:
    """Name the settings that are given, as an update mask does."""
    own = [
        name for name in ("field_mapping", "field_transforms", "paused") if getattr(change, name, UNSET) is not UNSET
    ]
    return policy_paths(change.direction, change.field_rules, change.policies) + own


def settings_in(item: integration_pb2.Integration) -> dict[str, Any]:
    """Read the settings that JSON has in another shape than the contract, by the name of the attribute."""
    policy = effective_policy(item.policy)
    return {
        "direction": policy.direction,
        "field_rules": policy.field_rules,
        "field_transforms": {
            http_field(item.field): [_step(step) for step in item.transforms] for item in item.field_transforms
        },
        "policies": policy.policies,
    }


def _transform(step: Transform) -> integration_pb2.Transform:
    options = [integration_pb2.OptionPair(crm=crm, value=value) for crm, value in (step.options or {}).items()]
    kind = number(integration_pb2.TransformKind, step.kind)
    return integration_pb2.Transform(kind=kind, region=step.region or "", options=options)


def _step(step: integration_pb2.Transform) -> Transform:
    options = {pair.crm: pair.value for pair in step.options}
    return plain(step, Transform, options=options or UNSET)
