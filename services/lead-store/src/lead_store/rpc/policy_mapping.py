"""Policies: contract to domain and back. Defaults and checks are those of `domain/policy.py`."""

from collections.abc import Iterable

from leadsync.sync.v1 import policy_pb2 as pb

from lead_store.domain.errors import Invalid
from lead_store.domain.policy import GivenDeletions, GivenPolicy, GivenRule, Policy
from lead_store.domain.rules import (
    BlankRule,
    DeletePolicy,
    Deletions,
    Direction,
    FieldRule,
    MatchKey,
    MergeRule,
    RecordPolicy,
)
from lead_store.rpc.lead_field_mapping import FIELD_TYPES
from lead_store.rpc.lead_mapping import DIRECTIONS

MERGE_RULES = {
    MergeRule.CRM: pb.MERGE_RULE_CRM,
    MergeRule.PLATFORM: pb.MERGE_RULE_PLATFORM,
    MergeRule.NEWEST: pb.MERGE_RULE_NEWEST,
    MergeRule.ASK: pb.MERGE_RULE_ASK,
}
BLANK_RULES = {
    BlankRule.FOLLOW: pb.BLANK_RULE_FOLLOW,
    BlankRule.KEEP: pb.BLANK_RULE_KEEP,
    BlankRule.CLEAR: pb.BLANK_RULE_CLEAR,
}
DELETE_POLICIES = {
    DeletePolicy.UNLINK: pb.DELETE_POLICY_UNLINK,
    DeletePolicy.DELETE_LEAD: pb.DELETE_POLICY_DELETE_LEAD,
    DeletePolicy.IGNORE: pb.DELETE_POLICY_IGNORE,
}
RECORD_POLICIES = {
    RecordPolicy.LEAVE: pb.RECORD_POLICY_LEAVE,
    RecordPolicy.ARCHIVE: pb.RECORD_POLICY_ARCHIVE,
}
MATCH_KEYS = {
    MatchKey.EMAIL: pb.MATCH_KEY_EMAIL,
    MatchKey.PHONE: pb.MATCH_KEY_PHONE,
    MatchKey.NAME_DOMAIN: pb.MATCH_KEY_NAME_DOMAIN,
}
_DIRECTIONS: dict[int, Direction] = {number: direction for direction, number in DIRECTIONS.items()}
_MERGE_RULES: dict[int, MergeRule] = {number: rule for rule, number in MERGE_RULES.items()}
_BLANK_RULES: dict[int, BlankRule] = {number: rule for rule, number in BLANK_RULES.items()}
_DELETE_POLICIES: dict[int, DeletePolicy] = {number: policy for policy, number in DELETE_POLICIES.items()}
_RECORD_POLICIES: dict[int, RecordPolicy] = {number: policy for policy, number in RECORD_POLICIES.items()}
_MATCH_KEYS: dict[int, MatchKey] = {number: key for key, number in MATCH_KEYS.items()}


def given_policy(message: pb.SyncPolicy) -> GivenPolicy:
    """A policy as it was given. Raises Invalid for what this version does not know."""
    if message.direction and message.direction not in _DIRECTIONS:
        raise Invalid("direction", "no such direction")
    return GivenPolicy(
        direction=_DIRECTIONS.get(message.direction),
        rules=tuple(map(_rule, message.fields)),
        deletions=_deletions(message.deletions),
        match_keys=tuple(_match_keys(message.matching.keys)),
        phone_region=message.matching.phone_region,
    )


def policy_message(policy: Policy) -> pb.SyncPolicy:
    """A policy with every default filled in, as the contract shows it."""
    return pb.SyncPolicy(
        direction=DIRECTIONS[policy.direction],
        fields=[_rule_message(name, rule) for name, rule in sorted(policy.rules.items())],
        deletions=_deletions_message(policy.deletions),
        matching=pb.Matching(keys=[MATCH_KEYS[key] for key in policy.match_keys], phone_region=policy.phone_region),
    )


def _rule(message: pb.FieldRule) -> GivenRule:
    known = {0, *_DIRECTIONS}, {0, *_MERGE_RULES}, {0, *_BLANK_RULES}
    given = message.direction, message.rule, message.blank
    if not all(number in numbers for number, numbers in zip(given, known, strict=True)):
        raise Invalid(f"field_rules.{message.field[:80]}", "there is no such rule")
    return GivenRule(
        message.field,
        _MERGE_RULES.get(message.rule),
        _BLANK_RULES.get(message.blank),
        _DIRECTIONS.get(message.direction),
    )


def _rule_message(name: str, rule: FieldRule) -> pb.FieldRule:
    return pb.FieldRule(
        field=name,
        rule=MERGE_RULES[rule.merge],
        blank=BLANK_RULES[rule.blank],
        direction=DIRECTIONS[rule.direction],
        type=FIELD_TYPES[rule.kind],
    )


def _deletions(message: pb.Deletions) -> GivenDeletions:
    if message.policy not in {0, *_DELETE_POLICIES}:
        raise Invalid("deletions.policy", "there is no such policy")
    if message.record_policy not in {0, *_RECORD_POLICIES}:
        raise Invalid("deletions.record_policy", "there is no such policy")
    return GivenDeletions(
        _DELETE_POLICIES.get(message.policy),
        message.grace_seconds,
        message.cap_number,
        message.cap_percent,
        _RECORD_POLICIES.get(message.record_policy),
    )


def _deletions_message(deletions: Deletions) -> pb.Deletions:
    return pb.Deletions(
        policy=DELETE_POLICIES[deletions.policy],
        grace_seconds=int(deletions.grace.total_seconds()),
        cap_number=deletions.cap_number,
        cap_percent=deletions.cap_percent,
        record_policy=RECORD_POLICIES[deletions.record_policy],
    )


def _match_keys(numbers: Iterable[int]) -> Iterable[MatchKey]:
    for number in numbers:
        if number not in _MATCH_KEYS:
            raise Invalid("matching.keys", f"there is no such key: {number}")
        yield _MATCH_KEYS[number]
