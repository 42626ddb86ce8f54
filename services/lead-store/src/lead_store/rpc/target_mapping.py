"""Targets: contract to domain."""

from datetime import timedelta

from leadsync.lead.v1 import lead_pb2
from leadsync.sync.v1 import sync_pb2

from lead_store.domain.errors import Invalid
from lead_store.domain.rules import (
    BlankRule,
    DeletePolicy,
    Deletions,
    Direction,
    FieldRule,
    MatchKey,
    MergeRule,
    RecordPolicy,
    Target,
)
from lead_store.rpc.lead_mapping import DIRECTIONS
from lead_store.rpc.requests import required

MERGE_RULES = {
    sync_pb2.MERGE_RULE_UNSPECIFIED: FieldRule().merge,
    sync_pb2.MERGE_RULE_CRM: MergeRule.CRM,
    sync_pb2.MERGE_RULE_PLATFORM: MergeRule.PLATFORM,
    sync_pb2.MERGE_RULE_NEWEST: MergeRule.NEWEST,
    sync_pb2.MERGE_RULE_ASK: MergeRule.ASK,
}
BLANK_RULES = {
    sync_pb2.BLANK_RULE_UNSPECIFIED: FieldRule().blank,
    sync_pb2.BLANK_RULE_KEEP: BlankRule.KEEP,
    sync_pb2.BLANK_RULE_CLEAR: BlankRule.CLEAR,
}
DELETE_POLICIES: dict[int, DeletePolicy] = {
    sync_pb2.DELETE_POLICY_UNSPECIFIED: Deletions().policy,
    sync_pb2.DELETE_POLICY_UNLINK: DeletePolicy.UNLINK,
    sync_pb2.DELETE_POLICY_DELETE_LEAD: DeletePolicy.DELETE_LEAD,
    sync_pb2.DELETE_POLICY_IGNORE: DeletePolicy.IGNORE,
}
RECORD_POLICIES: dict[int, RecordPolicy] = {
    sync_pb2.RECORD_POLICY_UNSPECIFIED: Deletions().record_policy,
    sync_pb2.RECORD_POLICY_LEAVE: RecordPolicy.LEAVE,
    sync_pb2.RECORD_POLICY_ARCHIVE: RecordPolicy.ARCHIVE,
}
MATCH_KEYS: dict[int, MatchKey] = {
    sync_pb2.MATCH_KEY_EMAIL: MatchKey.EMAIL,
    sync_pb2.MATCH_KEY_PHONE: MatchKey.PHONE,
    sync_pb2.MATCH_KEY_NAME_DOMAIN: MatchKey.NAME_DOMAIN,
}
_NUMBERED: dict[int, Direction] = {number: direction for direction, number in DIRECTIONS.items()}
LONGEST_GRACE = 30 * 24 * 3600  # seconds


def target_of(message: sync_pb2.Target) -> Target:
    """A target as the connector describes it."""
    if message.direction not in _NUMBERED:
        raise Invalid("target.direction", "is required")
    return Target(
        integration_id=required("target.integration_id", message.integration_id),
        tenant_id=required("target.tenant_id", message.tenant_id),
        provider=required("target.provider", message.provider),
        account_id=required("target.account_id", message.account_id),
        direction=_NUMBERED[message.direction],
        rules={rule.field: _rule(f"target.fields[{n}]", rule) for n, rule in enumerate(message.fields)},
        mapping=message.mapping_fingerprint,
        webhooks_enabled=message.webhooks_enabled,
        paused=message.paused,
        revision=message.revision,
        deletions=_deletions(message.deletions),
        match_keys=_match_keys(message),
        phone_region=message.phone_region,
    )


def _deletions(message: sync_pb2.Deletions) -> Deletions:
    if message.policy not in DELETE_POLICIES or message.record_policy not in RECORD_POLICIES:
        raise Invalid("target.deletions", "no such policy")
    numbers = (message.grace_seconds, message.cap_number, message.cap_percent)
    if min(numbers) < 0 or message.cap_percent > 100 or message.grace_seconds > LONGEST_GRACE:
        raise Invalid("target.deletions", "numbers are not negative, a grace is at most 30 days, a share at most 100")
    default = Deletions()
    return Deletions(
        DELETE_POLICIES[message.policy],
        timedelta(seconds=message.grace_seconds),
        message.cap_number or default.cap_number,
        message.cap_percent or default.cap_percent,
        RECORD_POLICIES[message.record_policy],
    )


def _match_keys(message: sync_pb2.Target) -> tuple[MatchKey, ...]:
    keys = message.match_keys or [sync_pb2.MATCH_KEY_EMAIL]
    if unknown := [key for key in keys if key not in MATCH_KEYS]:
        raise Invalid("target.match_keys", f"no such key: {unknown[0]}")
    return tuple(MATCH_KEYS[key] for key in dict.fromkeys(keys))


def _rule(path: str, message: sync_pb2.FieldRule) -> FieldRule:
    direction = _NUMBERED.get(message.direction or lead_pb2.DIRECTION_BIDIRECTIONAL)
    if message.rule not in MERGE_RULES or message.blank not in BLANK_RULES or direction is None:
        raise Invalid(path, "no such rule")
    return FieldRule(MERGE_RULES[message.rule], BLANK_RULES[message.blank], direction)
