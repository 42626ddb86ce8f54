"""Policies over gRPC: defaults are filled in, and what cannot be is refused with its path."""

import grpc
import pytest
from lead_store_calls import TENANT, LeadStore, target
from lead_store_moves import refusal
from leadsync.lead.v1 import lead_field_pb2, lead_field_service_pb2, lead_pb2
from leadsync.sync.v1 import plan_service_pb2 as plan_pb
from leadsync.sync.v1 import policy_pb2, sync_pb2
from leadsync.sync.v1 import work_service_pb2 as work_pb

BOTH, TO, FROM = lead_pb2.DIRECTION_BIDIRECTIONAL, lead_pb2.DIRECTION_TO_CRM, lead_pb2.DIRECTION_FROM_CRM
REVENUE = "custom_fields.revenue"


def check(store: LeadStore, policy: policy_pb2.SyncPolicy, *mapped: str) -> policy_pb2.SyncPolicy:
    """Have a policy checked."""
    request = plan_pb.CheckPolicyRequest(tenant_id=TENANT, policy=policy, mapped_fields=mapped)
    return store.plan_stub.CheckPolicy(request, timeout=60).policy


def test_a_policy_comes_back_with_every_default(lead_store: LeadStore) -> None:
    """One rule for each mapped field, with the type that the tenant declared."""
    field = lead_field_pb2.LeadField(name=REVENUE, type=lead_field_pb2.FIELD_TYPE_NUMBER)
    declared = lead_field_service_pb2.PutLeadFieldRequest(tenant_id=TENANT, field=field)
    lead_store.lead_fields.PutLeadField(declared, timeout=60)
    given = policy_pb2.FieldRule(field="email", rule=policy_pb2.MERGE_RULE_ASK)

    full = check(lead_store, policy_pb2.SyncPolicy(direction=TO, fields=[given]), "email", REVENUE)

    follow, newest = policy_pb2.BLANK_RULE_FOLLOW, policy_pb2.MERGE_RULE_NEWEST
    types = lead_field_pb2
    assert full == policy_pb2.SyncPolicy(
        direction=TO,
        fields=[
            policy_pb2.FieldRule(
                field=REVENUE, rule=newest, blank=follow, direction=BOTH, type=types.FIELD_TYPE_NUMBER
            ),
            policy_pb2.FieldRule(
                field="email", rule=given.rule, blank=follow, direction=BOTH, type=types.FIELD_TYPE_EMAIL
            ),
        ],
        deletions=policy_pb2.Deletions(
            policy=policy_pb2.DELETE_POLICY_UNLINK,
            cap_number=500,
            cap_percent=20,
            record_policy=policy_pb2.RECORD_POLICY_LEAVE,
        ),
        matching=policy_pb2.Matching(keys=[policy_pb2.MATCH_KEY_EMAIL]),
    )
    assert check(lead_store, full, "email", REVENUE) == full


@pytest.mark.parametrize(
    ("policy", "reason", "path"),
    [
        (policy_pb2.SyncPolicy(), "invalid_field", "direction"),
        (policy_pb2.SyncPolicy(direction=99), "invalid_field", "direction"),  # type: ignore[arg-type]
        (
            policy_pb2.SyncPolicy(direction=FROM, fields=[policy_pb2.FieldRule(field="email", direction=TO)]),
            "invalid_field_rules",
            "field_rules.email.direction",
        ),
        (
            policy_pb2.SyncPolicy(direction=BOTH, fields=[policy_pb2.FieldRule(field="phone")]),
            "invalid_field_rules",
            "field_rules.phone",
        ),
        (
            policy_pb2.SyncPolicy(direction=BOTH, fields=[policy_pb2.FieldRule(field="email", rule=99)]),  # type: ignore[arg-type]
            "invalid_field",
            "field_rules.email",
        ),
        (
            policy_pb2.SyncPolicy(direction=BOTH, deletions=policy_pb2.Deletions(policy=99)),  # type: ignore[arg-type]
            "invalid_field",
            "deletions.policy",
        ),
        (
            policy_pb2.SyncPolicy(direction=BOTH, deletions=policy_pb2.Deletions(record_policy=99)),  # type: ignore[arg-type]
            "invalid_field",
            "deletions.record_policy",
        ),
        (
            policy_pb2.SyncPolicy(direction=BOTH, matching=policy_pb2.Matching(keys=[0])),  # type: ignore[list-item]
            "invalid_field",
            "matching.keys",
        ),
        (
            policy_pb2.SyncPolicy(direction=BOTH, matching=policy_pb2.Matching(phone_region="Switzerland")),
            "invalid_field",
            "matching.phone_region",
        ),
    ],
)
def test_what_cannot_be_is_refused(
    lead_store: LeadStore, policy: policy_pb2.SyncPolicy, reason: str, path: str
) -> None:
    """In a check as in a target, with the same reason and path."""
    expected = grpc.StatusCode.INVALID_ARGUMENT, reason, path
    assert refusal(lambda: check(lead_store, policy, "email")) == expected
    put = work_pb.PutTargetRequest(target=target(policy=policy, fields=["email"]))
    assert refusal(lambda: lead_store.work_stub.PutTarget(put, timeout=60)) == expected


def test_a_target_says_what_its_crm_can_do(lead_store: LeadStore) -> None:
    """Without it nothing could be decided."""
    request = work_pb.PutTargetRequest(target=target(capabilities=None))
    expected = grpc.StatusCode.INVALID_ARGUMENT, "invalid_field", "target.capabilities"
    assert refusal(lambda: lead_store.work_stub.PutTarget(request, timeout=60)) == expected
    late = sync_pb2.Capabilities(unread_within_ms=-1)
    path = "target.capabilities.unread_within_ms"
    assert refusal(lambda: lead_store.put_target(capabilities=late))[2] == path
