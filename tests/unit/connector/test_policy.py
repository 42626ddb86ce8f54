"""The sync policy, as far as the connector reads it, and as it was stored before."""

import pytest
from crm_connector.clients.policy import effective, merged, message_of, policy_of, restricted
from crm_connector.domain.policy import Policy
from crm_connector.domain.values import ValueType
from crm_connector.mongo.old_policies import with_policy
from leadsync.lead.v1 import lead_field_pb2, lead_pb2
from leadsync.sync.v1 import policy_pb2

TO_CRM, FROM_CRM, BOTH = lead_pb2.DIRECTION_TO_CRM, lead_pb2.DIRECTION_FROM_CRM, lead_pb2.DIRECTION_BIDIRECTIONAL


def a_message() -> policy_pb2.SyncPolicy:
    """A policy with something of everything."""
    return policy_pb2.SyncPolicy(
        direction=BOTH,
        fields=[
            policy_pb2.FieldRule(field="phone", rule=policy_pb2.MERGE_RULE_ASK, direction=FROM_CRM),
            policy_pb2.FieldRule(field="email", blank=policy_pb2.BLANK_RULE_CLEAR),
        ],
        deletions=policy_pb2.Deletions(cap_number=7),
        matching=policy_pb2.Matching(keys=[policy_pb2.MATCH_KEY_PHONE], phone_region="CH"),
    )


def test_a_policy_is_passed_on_as_it_was_given() -> None:
    """What was kept makes the same message, and the same message the same text."""
    assert message_of(policy_of(a_message())) == a_message()
    assert policy_of(message_of(policy_of(a_message()))) == policy_of(a_message())


@pytest.mark.parametrize(
    ("direction", "to_crm", "from_crm", "written"),
    [(BOTH, True, True, {"email"}), (TO_CRM, True, False, {"email"}), (FROM_CRM, False, True, set[str]())],
)
def test_what_is_written_follows_both_directions(
    direction: lead_pb2.Direction.ValueType, written: set[str], *, to_crm: bool, from_crm: bool
) -> None:
    """Only fields that may go to the CRM, by their own direction and the integration's, are written."""
    message = a_message()
    message.direction = direction
    policy = policy_of(message)

    assert (policy.to_crm, policy.from_crm) == (to_crm, from_crm)
    assert policy.written(["email", "phone"]) == written


def test_a_field_without_a_rule_flows_as_the_integration_does() -> None:
    """A policy without rules writes every mapped field; one without a direction nothing."""
    assert policy_of(policy_pb2.SyncPolicy(direction=BOTH)).written(["email"]) == {"email"}
    assert Policy("{}").written(["email"]) == frozenset()
    assert (Policy("{}").from_crm, Policy("{}").direction) == (False, "")


def test_types_are_read_from_lead_stores_answer() -> None:
    """Fields that lead-store does not name have no type here."""
    rules = [
        policy_pb2.FieldRule(field="a", type=lead_field_pb2.FIELD_TYPE_MULTI_CHOICE),
        policy_pb2.FieldRule(field="b"),
    ]

    assert policy_of(policy_pb2.SyncPolicy(fields=rules)).types == {"a": ValueType.MULTI_CHOICE}


def test_only_the_named_parts_change() -> None:
    """A mask names parts of the policy; a part that was not given is cleared."""
    given = policy_pb2.SyncPolicy(direction=TO_CRM, fields=[policy_pb2.FieldRule(field="company")])
    changed = message_of(merged(policy_of(a_message()), given, {"fields", "matching"}))

    expected = a_message()
    expected.ClearField("matching")
    del expected.fields[:]
    expected.fields.add(field="company")
    assert changed == expected


def test_rules_of_fields_that_are_not_mapped_are_dropped() -> None:
    """They would be refused, though nobody has given them now."""
    kept = message_of(restricted(policy_of(a_message()), {"email"}))

    assert [rule.field for rule in kept.fields] == ["email"]


def test_deletions_decide_nothing_about_records() -> None:
    """A changed cap is no reason to look at every record again."""
    other = a_message()
    other.deletions.cap_number = 8

    assert effective(other) == effective(a_message())


def test_lead_store_applies_types_by_itself() -> None:
    """A type that was declared since is no reason for a second run over every record."""
    other = a_message()
    for rule in other.fields:
        rule.type = lead_field_pb2.FIELD_TYPE_NUMBER

    assert effective(other) == effective(a_message())


def test_what_a_later_version_knows_is_left_out() -> None:
    """After a downgrade the rest still works."""
    policy = Policy('{"direction": "DIRECTION_TO_CRM", "creation": {"mode": "ALL"}}')

    assert message_of(policy) == policy_pb2.SyncPolicy(direction=TO_CRM)


def test_an_integration_that_was_stored_before_keeps_its_policy() -> None:
    """Its fields become the message; one that has a policy stays as it is."""
    old = {
        "direction": "bidirectional",
        "rules": [
            {"field": "phone", "rule": "ask", "blank": "unspecified", "direction": "from_crm"},
            {"field": "email", "rule": "unspecified", "blank": "clear", "direction": "bidirectional"},
        ],
        "deletions": {"policy": "unspecified", "cap_number": 7, "cap_percent": 0, "record_policy": "unspecified"},
        "match_keys": ["phone"],
        "phone_region": "CH",
    }
    expected = a_message()
    expected.fields[1].direction = BOTH

    assert message_of(Policy(with_policy(old)["policy"])) == expected
    assert with_policy({"policy": "{}"}) == {"policy": "{}"}
    bare = message_of(Policy(with_policy({"direction": "to_crm"})["policy"]))
    assert (bare.direction, list(bare.matching.keys)) == (TO_CRM, [policy_pb2.MATCH_KEY_EMAIL])
