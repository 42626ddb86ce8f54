"""What a customer decides about a sync: as JSON, and as the one `SyncPolicy` of the contracts.

What is absent in a request stays absent in the contract, so that its default applies. Answers show the defaults, as the
contract documents them.
"""

from typing import Annotated, Literal

from leadsync.lead.v1 import lead_pb2
from leadsync.sync.v1 import policy_pb2
from msgspec import UNSET, Meta, Struct, UnsetType, field

from webhook_gateway.resources.basics import Direction
from webhook_gateway.rpc.messages import number, plain
from webhook_gateway.rpc.names import LeadField, contract_field, http_field

Rule = Literal["crm", "platform", "newest", "ask"]
Blank = Literal["follow", "keep", "clear"]
DeletePolicy = Literal["unlink", "delete_lead", "ignore"]
RecordPolicy = Literal["leave", "archive"]
Region = Annotated[str, Meta(pattern="^([A-Z]{2})?$", description="A country by ISO 3166-1, such as CH.")]
Key = Literal["email", "phone", "name_domain"]
_MAX_GRACE = 30 * 24 * 3600  # seconds


class FieldRule(Struct, rename="camel", forbid_unknown_fields=True):
    """How one field is kept the same: who wins where both sides changed it, and what a blank means for a value.

    It flows within the integration's own direction. Absent: `newest`, `follow` and `bidirectional`.
    """

    rule: Rule | UnsetType = UNSET
    blank: Blank | UnsetType = UNSET
    direction: Direction | UnsetType = UNSET


class Deletions(Struct, rename="camel", forbid_unknown_fields=True):
    """How deletions are followed: what becomes of the lead of a deleted record, after how long, and the other way.

    In an hour `capNumber` are followed, or `capPercent` of the linked leads if that is more; the rest waits for people.
    Absent: `unlink` at once, 500, 20 and `leave`.
    """

    policy: DeletePolicy | UnsetType = UNSET
    grace_seconds: Annotated[int, Meta(ge=0, le=_MAX_GRACE)] | UnsetType = UNSET
    cap_number: Annotated[int, Meta(ge=1, le=2**31 - 1)] | UnsetType = UNSET
    cap_percent: Annotated[int, Meta(ge=1, le=100)] | UnsetType = UNSET
    record_policy: RecordPolicy | UnsetType = UNSET


class Matching(Struct, rename="camel", forbid_unknown_fields=True):
    """What a record and a lead must have in common to be linked; e-mail comes first. Absent: e-mail alone.

    `phoneRegion` is the country of phone numbers that name none, which match nothing without it.
    """

    keys: Annotated[list[Key], Meta(min_length=1, max_length=3)] | UnsetType = UNSET
    phone_region: Region | UnsetType = UNSET


class Policies(Struct, rename="camel", forbid_unknown_fields=True):
    """What a sync does where there is more than one right way; each policy is replaced whole, an absent one stays."""

    deletions: Deletions | UnsetType = UNSET
    matching: Matching | UnsetType = UNSET


class EffectiveRule(Struct, rename="camel"):
    """How one field is kept the same."""

    rule: Rule = "newest"
    blank: Blank = "follow"
    direction: Direction = "bidirectional"


class EffectiveDeletions(Struct, rename="camel"):
    """How deletions are followed."""

    policy: DeletePolicy = "unlink"
    grace_seconds: int = 0
    cap_number: int = 500
    cap_percent: int = 20
    record_policy: RecordPolicy = "leave"


class EffectiveMatching(Struct, rename="camel"):
    """What a record and a lead must have in common to be linked."""

    keys: list[Key] = field(default_factory=lambda: ["email"])
    phone_region: str = ""


class EffectivePolicies(Struct, rename="camel"):
    """What a sync does where there is more than one right way."""

    deletions: EffectiveDeletions
    matching: EffectiveMatching


class EffectivePolicy(Struct, rename="camel"):
    """Everything that a customer decided about a sync, with defaults."""

    direction: Direction
    field_rules: dict[LeadField, EffectiveRule]
    policies: EffectivePolicies


def policy_message(
    direction: Direction | UnsetType, rules: dict[str, FieldRule] | UnsetType, policies: Policies | UnsetType
) -> policy_pb2.SyncPolicy:
    """Write what is given."""
    message = policy_pb2.SyncPolicy(
        direction=number(lead_pb2.Direction, direction),
        fields=[_rule(name, rule) for name, rule in (rules or {}).items()],
    )
    given = policies or Policies()
    if given.deletions is not UNSET:
        message.deletions.CopyFrom(_deletions(given.deletions))
    if given.matching is not UNSET:
        message.matching.CopyFrom(_matching(given.matching))
    return message


def policy_paths(
    direction: Direction | UnsetType, rules: dict[str, FieldRule] | UnsetType, policies: Policies | UnsetType
) -> list[str]:
    """Name what is given, as an update mask does."""
    given = policies or Policies()
    parts = {"direction": direction, "fields": rules, "deletions": given.deletions, "matching": given.matching}
    return [f"policy.{name}" for name, part in parts.items() if part is not UNSET]


def effective_policy(message: policy_pb2.SyncPolicy) -> EffectivePolicy:
    """Read a policy."""
    return plain(
        message,
        EffectivePolicy,
        field_rules={http_field(rule.field): plain(rule, EffectiveRule) for rule in message.fields},
        policies=EffectivePolicies(
            plain(message.deletions, EffectiveDeletions), plain(message.matching, EffectiveMatching)
        ),
    )


def _rule(name: str, rule: FieldRule) -> policy_pb2.FieldRule:
    return policy_pb2.FieldRule(
        field=contract_field(name),
        rule=number(policy_pb2.MergeRule, rule.rule),
        blank=number(policy_pb2.BlankRule, rule.blank),
        direction=number(lead_pb2.Direction, rule.direction),
    )


def _deletions(given: Deletions) -> policy_pb2.Deletions:
    return policy_pb2.Deletions(
        policy=number(policy_pb2.DeletePolicy, given.policy),
        grace_seconds=given.grace_seconds or 0,
        cap_number=given.cap_number or 0,
        cap_percent=given.cap_percent or 0,
        record_policy=number(policy_pb2.RecordPolicy, given.record_policy),
    )


def _matching(given: Matching) -> policy_pb2.Matching:
    keys = [number(policy_pb2.MatchKey, key) for key in given.keys or ()]
    return policy_pb2.Matching(keys=keys, phone_region=given.phone_region or "")
