"""Between our types and `leadsync.sync.v1`. Ours carry the contract's names, so most of them translate as they are."""

from dataclasses import asdict
from typing import Any, TypeVar

from google.protobuf.message import Message
from leadsync.lead.v1 import lead_pb2
from leadsync.sync.v1 import sync_pb2
from leadsync.sync.v1 import sync_service_pb2 as service_pb

from crm_connector.domain import observation as domain
from crm_connector.domain.integration import (
    BlankRule,
    DeletePolicy,
    Deletions,
    Direction,
    FieldRule,
    Integration,
    MatchKey,
    MergeRule,
    RecordPolicy,
)

_M = TypeVar("_M", bound=Message)
DIRECTIONS = {d: lead_pb2.Direction.Value(f"DIRECTION_{d.name}") for d in Direction}
MERGE_RULES = {rule: sync_pb2.MergeRule.Value(f"MERGE_RULE_{rule.name}") for rule in MergeRule}
BLANK_RULES = {rule: sync_pb2.BlankRule.Value(f"BLANK_RULE_{rule.name}") for rule in BlankRule}
DELETE_POLICIES = {policy: sync_pb2.DeletePolicy.Value(f"DELETE_POLICY_{policy.name}") for policy in DeletePolicy}
RECORD_POLICIES = {policy: sync_pb2.RecordPolicy.Value(f"RECORD_POLICY_{policy.name}") for policy in RecordPolicy}
MATCH_KEYS = {key: sync_pb2.MatchKey.Value(f"MATCH_KEY_{key.name}") for key in MatchKey}
_RELEASES = {kind: service_pb.ReleaseKind.Value(f"RELEASE_KIND_{kind.name}") for kind in domain.ReleaseKind}
_WRITES = {sync_pb2.WriteKind.Value(f"WRITE_KIND_{kind.name}"): kind for kind in domain.WriteKind}
_OUTCOMES = {
    sync_pb2.OUTCOME_NEEDS_HISTORY: domain.Outcome.NEEDS_HISTORY,
    sync_pb2.OUTCOME_NEEDS_READING: domain.Outcome.NEEDS_READING,
}
_STATES: dict[type[domain.State], str] = {
    domain.Present: "present",
    domain.Archived: "archived",
    domain.Absent: "absent",
    domain.Merged: "merged",
    domain.Unreadable: "unreadable",
}
_RESULTS: dict[type[domain.WriteOutcome], str] = {
    domain.Done: "done",
    domain.Refused: "refused",
    domain.EmailTaken: "email_taken",
    domain.NotSent: "not_sent",
}


def message(kind: type[_M], value: object, /, **more: Any) -> _M:
    """Build a message from those attributes of `value` that have its fields' names, and from `more`."""
    names = (field.name for field in kind.DESCRIPTOR.fields)
    return kind(**{name: getattr(value, name) for name in names if hasattr(value, name) and name not in more}, **more)


def field_rule(rule: FieldRule) -> sync_pb2.FieldRule:
    """Turn a rule into its message."""
    direction = DIRECTIONS[rule.direction]
    return message(
        sync_pb2.FieldRule, rule, rule=MERGE_RULES[rule.rule], blank=BLANK_RULES[rule.blank], direction=direction
    )


def deletions(given: Deletions) -> sync_pb2.Deletions:
    """Turn the rules for deletions into their message."""
    record_policy = RECORD_POLICIES[given.record_policy]
    return message(sync_pb2.Deletions, given, policy=DELETE_POLICIES[given.policy], record_policy=record_policy)


def target(integration: Integration) -> sync_pb2.Target:
    """Build the target: what lead-store must know to route and to merge."""
    return message(
        sync_pb2.Target,
        integration,
        direction=DIRECTIONS[integration.direction],
        fields=[field_rule(rule) for rule in integration.field_rules],
        deletions=deletions(integration.deletions),
        mapping_fingerprint=integration.field_mapping.fingerprint,
        match_keys=[MATCH_KEYS[key] for key in integration.match_keys],
    )


def lease_batch(response: service_pb.LeaseWorkResponse, claimed_at: float) -> domain.LeaseBatch:
    """Read leases; `claimed_at` is our monotonic clock from before the call."""
    leases = tuple(map(lease, response.leases))
    return domain.LeaseBatch(response.integration_id, claimed_at, response.lease_ms / 1000, leases)


def lease(given: sync_pb2.Lease) -> domain.Lease:
    """Read a lease."""
    return domain.Lease(given.work_item_id, given.fence, given.record_id, given.lead_id, given.email, given.history)


def observation(seen: domain.Observation) -> sync_pb2.Observation:
    """Build the message of an observation; an empty dict sets a state that has no fields."""
    return message(sync_pb2.Observation, seen, **{_STATES[type(seen.state)]: asdict(seen.state)})


def present(record: domain.Present) -> sync_pb2.PresentRecord:
    """Build the message of a record that is there."""
    return sync_pb2.PresentRecord(**asdict(record))


def decision(answer: sync_pb2.Decision) -> domain.Decision:
    """Read a decision."""
    write = answer.write
    return domain.Decision(
        work_item_id=answer.work_item_id,
        outcome=_OUTCOMES.get(answer.outcome, domain.Outcome.DECIDED),
        name=sync_pb2.Outcome.Name(answer.outcome).removeprefix("OUTCOME_").lower(),
        reason=answer.reason,
        record_id=answer.record_id,
        lead_id=answer.lead_id,
        lead_fields=tuple(answer.lead_fields),
        conflict_fields=tuple(answer.conflict_fields),
        write=domain.Write(write.write_id, _WRITES[write.kind], write.record_id, write.lead_id, dict(write.values))
        if answer.HasField("write")
        else None,
    )


def write_result(result: domain.WriteResult) -> sync_pb2.WriteResult:
    """Build the message of a result."""
    return message(sync_pb2.WriteResult, result, **{_RESULTS[type(result.outcome)]: asdict(result.outcome)})


def release(given: domain.Release) -> service_pb.Release:
    """Build the message of a release."""
    return message(service_pb.Release, given, kind=_RELEASES[given.kind])
