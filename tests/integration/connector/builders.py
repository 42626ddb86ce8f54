"""Ready-made integrations, leases and decisions."""

import time
from collections.abc import Sequence
from typing import Any

from crm_connector.bootstrap import now
from crm_connector.clients.policy import merged, policy_of
from crm_connector.domain.changes import Changes, NewIntegration
from crm_connector.domain.integration import Credential, CredentialKind, Integration
from crm_connector.domain.observation import Lease, LeaseBatch
from crm_connector.domain.policy import Policy
from crm_connector.providers.hubspot.defaults import DEFAULT_MAPPING
from integration.connector.hub import APP_ID, PORTAL_ID, TOKEN
from leadsync.lead.v1 import lead_pb2
from leadsync.sync.v1 import policy_pb2, sync_pb2

TENANT = "tenant-1"
TO_CRM, FROM_CRM = lead_pb2.DIRECTION_TO_CRM, lead_pb2.DIRECTION_FROM_CRM
BOTH = lead_pb2.DIRECTION_BIDIRECTIONAL


def a_policy(direction: lead_pb2.Direction.ValueType = BOTH, **more: Any) -> Policy:
    """Make a policy."""
    return policy_of(policy_pb2.SyncPolicy(direction=direction, **more))


def rule(
    field: str,
    rule: policy_pb2.MergeRule.ValueType = policy_pb2.MERGE_RULE_UNSPECIFIED,
    blank: policy_pb2.BlankRule.ValueType = policy_pb2.BLANK_RULE_UNSPECIFIED,
    direction: lead_pb2.Direction.ValueType = lead_pb2.DIRECTION_UNSPECIFIED,
) -> policy_pb2.FieldRule:
    """Make the rule of a field."""
    return policy_pb2.FieldRule(field=field, rule=rule, blank=blank, direction=direction)


def changes(
    direction: lead_pb2.Direction.ValueType | None = None,
    rules: Sequence[policy_pb2.FieldRule] | None = None,
    deletions: policy_pb2.Deletions | None = None,
    matching: policy_pb2.Matching | None = None,
    **more: Any,
) -> Changes:
    """Change these parts of the policy, and more of an integration."""
    parts: dict[str, Any] = {"direction": direction, "fields": rules, "deletions": deletions, "matching": matching}
    given = {name: value for name, value in parts.items() if value is not None}
    message = policy_pb2.SyncPolicy(**given)
    policy = (lambda current: merged(current, message, given.keys())) if given else None
    return Changes(policy=policy, rules_given=rules is not None, **more)


def an_integration(**changes: Any) -> Integration:
    """Make an integration of the simulator's account."""
    values: dict[str, Any] = {
        "integration_id": "int-1",
        "tenant_id": TENANT,
        "provider": "hubspot",
        "account_id": PORTAL_ID,
        "app_id": APP_ID,
        "credential_kind": CredentialKind.ACCESS_TOKEN,
        "policy": a_policy(),
        "mapping": DEFAULT_MAPPING,
        "created_at": now(),
    }
    return Integration(**(values | changes))


def new_integration(
    direction: lead_pb2.Direction.ValueType = BOTH, rules: Sequence[policy_pb2.FieldRule] = (), **changes: Any
) -> NewIntegration:
    """Ask to connect the simulator's account by its token."""
    values: dict[str, Any] = {
        "tenant_id": TENANT,
        "provider": "hubspot",
        "credential": Credential.access_token(TOKEN),
        "policy": a_policy(direction, fields=rules),
    }
    return NewIntegration(**(values | changes))


def a_batch(*leases: Lease, seconds: float = 60.0, age: float = 0.0) -> LeaseBatch:
    """Lease these, since so many seconds."""
    return LeaseBatch("int-1", time.monotonic() - age, seconds, leases)


def record_leases(ids: Sequence[str], **more: Any) -> list[Lease]:
    """One lease per record; the work item is named after it."""
    return [Lease(f"work-{record_id}", 1, record_id=record_id, **more) for record_id in ids]


def decision(seen: sync_pb2.Observation, outcome: sync_pb2.Outcome.ValueType) -> sync_pb2.Decision:
    """Decide without a write."""
    return sync_pb2.Decision(work_item_id=seen.work_item_id, outcome=outcome)


def update(seen: sync_pb2.Observation, **values: str) -> sync_pb2.Decision:
    """Decide that a record has to take these values."""
    record_id = seen.present.record_id
    return _pushed(seen, sync_pb2.WRITE_KIND_UPDATE, record_id=record_id, lead_id=f"lead-{record_id}", values=values)


def create(seen: sync_pb2.Observation, lead_id: str, **values: str) -> sync_pb2.Decision:
    """Decide that a record has to be made."""
    return _pushed(seen, sync_pb2.WRITE_KIND_CREATE, lead_id=lead_id, values=values)


def archive(seen: sync_pb2.Observation) -> sync_pb2.Decision:
    """Decide that a record has to be archived."""
    return _pushed(seen, sync_pb2.WRITE_KIND_ARCHIVE, record_id=seen.present.record_id, lead_id="lead")


def _pushed(seen: sync_pb2.Observation, kind: sync_pb2.WriteKind.ValueType, **more: Any) -> sync_pb2.Decision:
    write = sync_pb2.Write(write_id=f"write-{seen.work_item_id}", kind=kind, **more)
    return sync_pb2.Decision(work_item_id=seen.work_item_id, outcome=sync_pb2.OUTCOME_PUSHED, write=write)


def soon() -> float:
    """A monotonic deadline that is far enough."""
    return time.monotonic() + 20.0
