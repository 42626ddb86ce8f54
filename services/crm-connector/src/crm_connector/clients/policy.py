"""Between `SyncPolicy` messages and their JSON, which is what the connector keeps."""

import json
from collections.abc import Collection, Set

from google.protobuf import json_format
from leadsync.sync.v1 import policy_pb2

from crm_connector.domain.policy import Policy


def policy_of(message: policy_pb2.SyncPolicy) -> Policy:
    """Keep a message. The same message always makes the same text."""
    content = json_format.MessageToDict(message, preserving_proto_field_name=True)
    return Policy(json.dumps(content, sort_keys=True, separators=(",", ":")))


def message_of(policy: Policy) -> policy_pb2.SyncPolicy:
    """Give the message that was kept, without what this version of the contract does not know."""
    return json_format.Parse(policy.text, policy_pb2.SyncPolicy(), ignore_unknown_fields=True)


def merged(current: Policy, given: policy_pb2.SyncPolicy, names: Set[str]) -> Policy:
    """Replace these fields of the policy by those of the message."""
    message = message_of(current)
    for name in names:
        message.ClearField(name)  # type: ignore[arg-type]
    taken = policy_pb2.SyncPolicy()
    taken.CopyFrom(given)
    for field in taken.DESCRIPTOR.fields:
        if field.name not in names:
            taken.ClearField(field.name)  # type: ignore[arg-type]
    message.MergeFrom(taken)
    return policy_of(message)


def restricted(policy: Policy, mapped: Collection[str]) -> Policy:
    """Drop the rules of fields that are not mapped."""
    message = message_of(policy)
    kept = [rule for rule in message.fields if rule.field in mapped]
    del message.fields[:]
    message.fields.extend(kept)
    return policy_of(message)


def effective(message: policy_pb2.SyncPolicy) -> Policy:
    """Keep what an apply run is made for, of a policy with all its defaults.

    This leaves out deletions, which no decision about a record depends on, and types, which lead-store applies by
    itself.
    """
    kept = policy_pb2.SyncPolicy()
    kept.CopyFrom(message)
    kept.ClearField("deletions")
    for rule in kept.fields:
        rule.ClearField("type")
    return policy_of(kept)
