"""What a customer decides about an integration: as JSON, and as the contracts have it."""

from typing import Annotated, Any, Literal

from leadsync.integration.v1 import integration_pb2
from leadsync.lead.v1 import lead_pb2
from leadsync.sync.v1 import sync_pb2
from msgspec import UNSET, Meta, Struct, UnsetType, field

from webhook_gateway.resources.basics import Direction
from webhook_gateway.rpc.messages import number, plain, word
from webhook_gateway.rpc.names import LeadField, contract_field, http_field

Property = Annotated[str, Meta(min_length=1)]
Region = Annotated[str, Meta(pattern="^([A-Z]{2})?$", description="A country by ISO 3166-1, such as CH.")]
Keys = Annotated[list[Literal["email", "phone", "name_domain"]], Meta(min_length=1, max_length=3)]
Word = Annotated[str, Meta(min_length=1, max_length=3_000)]
_MAX_GRACE = 30 * 24 * 3600  # seconds


class FieldRule(Struct, rename="camel", forbid_unknown_fields=True):
    """How one field is kept the same: who wins where both sides changed it, and what a blank means for a value.

    It flows within the integration's own direction.
    """

    rule: Literal["crm", "platform", "newest", "ask"] = "newest"
    blank: Literal["keep", "clear"] = "keep"
    direction: Direction = "bidirectional"


class Transform(Struct, rename="camel", forbid_unknown_fields=True):
    """One step of a value from the CRM to the platform; backwards on the way to the CRM.

    `options` (the CRM's option: the platform's word) belong to the kind of that name, `region` (the country of numbers
    that name none) to `phone_e164`.
    """

    kind: Literal["trim", "lower", "upper", "phone_e164", "options", "date"]
    region: Region | UnsetType = UNSET
    options: Annotated[dict[Word, Word], Meta(min_length=1, max_length=1_000)] | UnsetType = UNSET


Steps = Annotated[list[Transform], Meta(min_length=1, max_length=5)]


class Deletions(Struct, rename="camel", forbid_unknown_fields=True):
    """How deletions are followed: what becomes of the lead of a deleted record, after how long, and the other way.

    In an hour `capNumber` are followed, or `capPercent` of the linked leads if that is more; the rest waits for people.
    """

    policy: Literal["unlink", "delete_lead", "ignore"] = "unlink"
    grace_seconds: Annotated[int, Meta(ge=0, le=_MAX_GRACE)] = 0
    cap_number: Annotated[int, Meta(ge=1, le=2**31 - 1)] = 500
    cap_percent: Annotated[int, Meta(ge=1, le=100)] = 20
    record_policy: Literal["leave", "archive"] = "leave"


class Matching(Struct, rename="camel", forbid_unknown_fields=True):
    """What a record and a lead must have in common to be linked; e-mail comes first.

    `phoneRegion` is the country of phone numbers that name none, which match nothing without it.
    """

    keys: Keys = field(default_factory=lambda: ["email"])
    phone_region: Region = ""


class Policies(Struct, rename="camel", forbid_unknown_fields=True):
    """What a sync does where there is more than one right way; each policy is replaced whole, an absent one stays."""

    deletions: Deletions | UnsetType = UNSET
    matching: Matching | UnsetType = UNSET


class Proposal(Struct, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """Settings to try out; what is absent is as it is. Of the policies only `matching` can be tried."""

    direction: Direction | UnsetType = UNSET
    field_mapping: dict[LeadField, Property] | UnsetType = UNSET
    field_rules: dict[LeadField, FieldRule] | UnsetType = UNSET
    field_transforms: dict[LeadField, Steps] | UnsetType = UNSET
    policies: Policies | UnsetType = UNSET


# What can be changed besides policies, by the same name in the contract.
_PATHS = ("direction", "field_mapping", "field_rules", "field_transforms", "paused")


def paths_of(change: Proposal) -> list[str]:
    """Name what is to be changed, as the contract does; an absent policy stays."""
    paths = [name for name in _PATHS if getattr(change, name, UNSET) is not UNSET]
    policies = change.policies or Policies()
    paths += ["deletions"] if policies.deletions is not UNSET else []
    return paths + (["match_keys", "phone_region"] if policies.matching is not UNSET else [])


def settings_of(change: Proposal) -> integration_pb2.Integration:
    """Write the settings that are given."""
    message = integration_pb2.Integration(
        direction=number(lead_pb2.Direction, change.direction),
        field_mapping={contract_field(name): value for name, value in (change.field_mapping or {}).items()},
        field_rules=[_rule(name, rule) for name, rule in (change.field_rules or {}).items()],
        field_transforms=[
            integration_pb2.FieldTransforms(field=contract_field(name), transforms=[_transform(step) for step in steps])
            for name, steps in (change.field_transforms or {}).items()
        ],
        paused=getattr(change, "paused", UNSET) is True,
    )
    policies = change.policies or Policies()
    if policies.deletions is not UNSET:
        message.deletions.CopyFrom(_deletions(policies.deletions))
    if policies.matching is not UNSET:
        message.match_keys.extend(number(sync_pb2.MatchKey, key) for key in policies.matching.keys)
        message.phone_region = policies.matching.phone_region
    return message


def _rule(name: str, rule: FieldRule) -> sync_pb2.FieldRule:
    return sync_pb2.FieldRule(
        field=contract_field(name),
        rule=number(sync_pb2.MergeRule, rule.rule),
        blank=number(sync_pb2.BlankRule, rule.blank),
        direction=number(lead_pb2.Direction, rule.direction),
    )


def _transform(step: Transform) -> integration_pb2.Transform:
    options = [integration_pb2.OptionPair(crm=crm, value=value) for crm, value in (step.options or {}).items()]
    kind = number(integration_pb2.TransformKind, step.kind)
    return integration_pb2.Transform(kind=kind, region=step.region or "", options=options)


def _deletions(given: Deletions) -> sync_pb2.Deletions:
    return sync_pb2.Deletions(
        policy=number(sync_pb2.DeletePolicy, given.policy),
        grace_seconds=given.grace_seconds,
        cap_number=given.cap_number,
        cap_percent=given.cap_percent,
        record_policy=number(sync_pb2.RecordPolicy, given.record_policy),
    )


def settings_in(item: integration_pb2.Integration) -> dict[str, Any]:
    """Read the settings of an integration that JSON has in another shape, by the name of the attribute."""
    keys = [word(sync_pb2.MatchKey, key) for key in item.match_keys]
    matching = Matching(keys, item.phone_region) if keys else Matching(phone_region=item.phone_region)
    return {
        "field_rules": {http_field(rule.field): plain(rule, FieldRule) for rule in item.field_rules},
        "field_transforms": {
            http_field(taken.field): [_step(step) for step in taken.transforms] for taken in item.field_transforms
        },
        "policies": Policies(plain(item.deletions, Deletions), matching),  # what is not set has the defaults of JSON
    }


def _step(step: integration_pb2.Transform) -> Transform:
    options = {pair.crm: pair.value for pair in step.options}
    return plain(step, Transform, options=options or UNSET)
