"""Enums and times of the contracts as the words that people use, both ways."""

from datetime import UTC, datetime

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from leadsync.integration.v1 import integration_pb2
from leadsync.lead.v1 import lead_pb2
from leadsync.sync.v1 import sync_pb2, sync_service_pb2

DIRECTIONS = {
    "to_crm": lead_pb2.DIRECTION_TO_CRM,
    "from_crm": lead_pb2.DIRECTION_FROM_CRM,
    "bidirectional": lead_pb2.DIRECTION_BIDIRECTIONAL,
}
RULES = {
    "crm": sync_pb2.MERGE_RULE_CRM,
    "platform": sync_pb2.MERGE_RULE_PLATFORM,
    "newest": sync_pb2.MERGE_RULE_NEWEST,
    "ask": sync_pb2.MERGE_RULE_ASK,
}
BLANKS = {"keep": sync_pb2.BLANK_RULE_KEEP, "clear": sync_pb2.BLANK_RULE_CLEAR}
WORK_STATES = {
    "due": sync_service_pb2.WORK_STATE_DUE,
    "leased": sync_service_pb2.WORK_STATE_LEASED,
    "failed": sync_service_pb2.WORK_STATE_FAILED,
}
DIRECTION_WORDS = {value: word for word, value in DIRECTIONS.items()}
RULE_WORDS = {sync_pb2.MERGE_RULE_UNSPECIFIED: "newest"} | {value: word for word, value in RULES.items()}
BLANK_WORDS = {sync_pb2.BLANK_RULE_UNSPECIFIED: "keep"} | {value: word for word, value in BLANKS.items()}
WORK_STATE_WORDS = {value: word for word, value in WORK_STATES.items()}
LINK_STATE_WORDS = {
    lead_pb2.LINK_STATE_PENDING: "pending",
    lead_pb2.LINK_STATE_ACTIVE: "active",
    lead_pb2.LINK_STATE_DETACHED: "detached",
}
CREDENTIAL_WORDS = {
    integration_pb2.CREDENTIAL_KIND_ACCESS_TOKEN: "access_token",
    integration_pb2.CREDENTIAL_KIND_OAUTH: "oauth",
}


def time_of(message: Message, field: str) -> datetime | None:
    """Read a timestamp field; None if it is absent."""
    if not message.HasField(field):
        return None
    value = getattr(message, field)
    return value.ToDatetime(tzinfo=UTC) if isinstance(value, Timestamp) else None
