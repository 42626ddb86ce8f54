"""What a customer decides: defaults that are filled in, and what is refused with its path."""

from datetime import timedelta

import pytest
from lead_store.domain.errors import Invalid
from lead_store.domain.lead_fields import TenantFields, declare
from lead_store.domain.policy import GivenDeletions, GivenPolicy, GivenRule, checked
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
from lead_store.domain.values import FieldType

BOTH, TO, FROM = Direction.BIDIRECTIONAL, Direction.TO_CRM, Direction.FROM_CRM
MAPPED = ("email", "phone", "custom_fields.revenue")
FIELDS = TenantFields().with_field(declare("custom_fields.revenue", "", FieldType.NUMBER))


def test_a_direction_alone_is_a_whole_policy() -> None:
    """Everything else has a default, and each mapped field has a rule with the type of the field."""
    policy = checked(GivenPolicy(BOTH), MAPPED, FIELDS)
    default = FieldRule(MergeRule.NEWEST, BlankRule.FOLLOW, BOTH)
    kinds = {"email": FieldType.EMAIL, "phone": FieldType.PHONE, "custom_fields.revenue": FieldType.NUMBER}
    assert {name: rule.kind for name, rule in policy.rules.items()} == kinds
    assert all(
        (rule.merge, rule.blank, rule.direction) == (default.merge, default.blank, BOTH)
        for rule in policy.rules.values()
    )
    assert policy.deletions == Deletions(DeletePolicy.UNLINK, timedelta(), 500, 20, RecordPolicy.LEAVE)
    assert (policy.match_keys, policy.phone_region) == ((MatchKey.EMAIL,), "")


def test_what_was_given_is_kept() -> None:
    """A rule keeps the defaults of what it leaves open."""
    given = GivenPolicy(
        TO,
        (GivenRule("phone", MergeRule.ASK), GivenRule("email", blank=BlankRule.CLEAR, direction=TO)),
        GivenDeletions(DeletePolicy.IGNORE, 60, 7, 100, RecordPolicy.ARCHIVE),
        (MatchKey.PHONE, MatchKey.EMAIL, MatchKey.PHONE),
        "CH",
    )
    policy = checked(given, ("email", "phone"), TenantFields())
    assert policy.rules["phone"] == FieldRule(MergeRule.ASK, BlankRule.FOLLOW, BOTH, FieldType.PHONE)
    assert policy.rules["email"] == FieldRule(MergeRule.NEWEST, BlankRule.CLEAR, TO, FieldType.EMAIL)
    assert policy.deletions == Deletions(DeletePolicy.IGNORE, timedelta(minutes=1), 7, 100, RecordPolicy.ARCHIVE)
    assert (policy.direction, policy.match_keys, policy.phone_region) == (TO, (MatchKey.PHONE, MatchKey.EMAIL), "CH")


@pytest.mark.parametrize(
    ("given", "path", "reason"),
    [
        (GivenPolicy(None), "direction", "invalid_field"),
        (GivenPolicy(BOTH, (GivenRule("company"),)), "field_rules.company", "invalid_field_rules"),
        (GivenPolicy(BOTH, (GivenRule("x" * 100),)), f"field_rules.{'x' * 80}", "invalid_field_rules"),
        (GivenPolicy(BOTH, (GivenRule("email"), GivenRule("email"))), "field_rules.email", "invalid_field_rules"),
        (GivenPolicy(TO, (GivenRule("email", direction=FROM),)), "field_rules.email.direction", "invalid_field_rules"),
        (GivenPolicy(FROM, (GivenRule("email", direction=TO),)), "field_rules.email.direction", "invalid_field_rules"),
        (GivenPolicy(BOTH, deletions=GivenDeletions(grace_seconds=-1)), "deletions.grace_seconds", "invalid_field"),
        (
            GivenPolicy(BOTH, deletions=GivenDeletions(grace_seconds=2_592_001)),
            "deletions.grace_seconds",
            "invalid_field",
        ),
        (GivenPolicy(BOTH, deletions=GivenDeletions(cap_number=-1)), "deletions.cap_number", "invalid_field"),
        (GivenPolicy(BOTH, deletions=GivenDeletions(cap_percent=-1)), "deletions.cap_percent", "invalid_field"),
        (GivenPolicy(BOTH, deletions=GivenDeletions(cap_percent=101)), "deletions.cap_percent", "invalid_field"),
        (GivenPolicy(BOTH, phone_region="XX"), "matching.phone_region", "invalid_field"),
    ],
)
def test_what_cannot_be_is_refused_with_its_path(given: GivenPolicy, path: str, reason: str) -> None:
    """Reason and path are those that people see."""
    with pytest.raises(Invalid) as refused:
        checked(given, ("email", "phone"), TenantFields())
    assert (refused.value.field, refused.value.reason) == (path, reason)


def test_the_limits_themselves_are_accepted() -> None:
    """A grace of thirty days, and a share of all."""
    policy = checked(GivenPolicy(BOTH, deletions=GivenDeletions(None, 2_592_000, 1, 100)), (), TenantFields())
    assert (policy.deletions.grace, policy.deletions.cap_percent) == (timedelta(days=30), 100)


def test_a_rule_may_flow_wherever_the_integration_allows_it() -> None:
    """A rule in both directions is narrowed by the integration, a narrower one stays."""
    for direction in Direction:
        rules = (GivenRule("email", direction=BOTH), GivenRule("phone", direction=direction))
        checked(GivenPolicy(direction, rules), ("email", "phone"), TenantFields())
