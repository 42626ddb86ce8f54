"""Between our types and `leadsync.sync.v1`."""

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp
from leadsync.lead.v1 import lead_pb2
from leadsync.sync.v1 import sync_pb2
from leadsync.sync.v1 import sync_service_pb2 as service_pb

from crm_connector.domain import observation as domain
from crm_connector.domain.integration import BlankRule, Direction, FieldRule, Integration, MergeRule

DIRECTIONS = {
    Direction.TO_CRM: lead_pb2.DIRECTION_TO_CRM,
    Direction.FROM_CRM: lead_pb2.DIRECTION_FROM_CRM,
    Direction.BIDIRECTIONAL: lead_pb2.DIRECTION_BIDIRECTIONAL,
}
MERGE_RULES = {
    MergeRule.UNSPECIFIED: sync_pb2.MERGE_RULE_UNSPECIFIED,
    MergeRule.CRM: sync_pb2.MERGE_RULE_CRM,
    MergeRule.PLATFORM: sync_pb2.MERGE_RULE_PLATFORM,
    MergeRule.NEWEST: sync_pb2.MERGE_RULE_NEWEST,
    MergeRule.ASK: sync_pb2.MERGE_RULE_ASK,
}
BLANK_RULES = {
    BlankRule.UNSPECIFIED: sync_pb2.BLANK_RULE_UNSPECIFIED,
    BlankRule.KEEP: sync_pb2.BLANK_RULE_KEEP,
    BlankRule.CLEAR: sync_pb2.BLANK_RULE_CLEAR,
}
_RELEASES = {
    domain.ReleaseKind.WAITING: service_pb.RELEASE_KIND_WAITING,
    domain.ReleaseKind.RETRY: service_pb.RELEASE_KIND_RETRY,
}
_OUTCOMES = {
    sync_pb2.OUTCOME_NEEDS_HISTORY: domain.Outcome.NEEDS_HISTORY,
    sync_pb2.OUTCOME_NEEDS_READING: domain.Outcome.NEEDS_READING,
}
_WRITES = {
    sync_pb2.WRITE_KIND_CREATE: domain.WriteKind.CREATE,
    sync_pb2.WRITE_KIND_UPDATE: domain.WriteKind.UPDATE,
}


def moment(at: datetime) -> Timestamp:
    """Turn an aware datetime into a timestamp."""
    stamp = Timestamp()
    stamp.FromDatetime(at.astimezone(UTC))
    return stamp


def field_rule(rule: FieldRule) -> sync_pb2.FieldRule:
    """Turn a rule into its message."""
    return sync_pb2.FieldRule(field=rule.field, rule=MERGE_RULES[rule.rule], blank=BLANK_RULES[rule.blank])


def target(integration: Integration) -> sync_pb2.Target:
    """Build the target: what lead-store must know to route and to merge."""
    return sync_pb2.Target(
        integration_id=integration.integration_id,
        tenant_id=integration.tenant_id,
        provider=integration.provider,
        account_id=integration.account_id,
        direction=DIRECTIONS[integration.direction],
        fields=[field_rule(rule) for rule in integration.field_rules],
        mapping_fingerprint=integration.field_mapping.fingerprint,
        webhooks_enabled=integration.webhooks_enabled,
        paused=integration.paused,
        revision=integration.revision,
    )


def page_record(record: domain.Present) -> service_pb.PageRecord:
    """Name a record of a page."""
    return service_pb.PageRecord(record_id=record.record_id, modified_at=moment(record.modified_at))


def lease_batch(response: service_pb.LeaseWorkResponse, claimed_at: float) -> domain.LeaseBatch:
    """Read leases; `claimed_at` is our monotonic clock from before the call."""
    leases = tuple(
        domain.Lease(lease.lane_id, lease.fence, lease.record_id, lease.lead_id, lease.email, lease.history)
        for lease in response.leases
    )
    return domain.LeaseBatch(response.integration_id, claimed_at, response.lease_ms / 1000, leases)


def observation(seen: domain.Observation) -> sync_pb2.Observation:
    """Build the message of an observation."""
    message = sync_pb2.Observation(lane_id=seen.lane_id, fence=seen.fence, read_before_lease=seen.read_before_lease)
    match seen.state:
        case domain.Present():
            message.present.CopyFrom(_present(seen.state))
        case domain.Archived():
            message.archived.SetInParent()
        case domain.Absent():
            message.absent.SetInParent()
        case domain.Merged(into_record_id):
            message.merged.into_record_id = into_record_id
        case domain.Unreadable(reason):
            message.unreadable.reason = reason
    return message


def decision(message: sync_pb2.Decision) -> domain.Decision:
    """Read a decision."""
    return domain.Decision(
        lane_id=message.lane_id,
        outcome=_OUTCOMES.get(message.outcome, domain.Outcome.DECIDED),
        name=sync_pb2.Outcome.Name(message.outcome).removeprefix("OUTCOME_").lower(),
        write=_write(message.write) if message.HasField("write") else None,
    )


def write_result(result: domain.WriteResult) -> sync_pb2.WriteResult:
    """Build the message of a result."""
    message = sync_pb2.WriteResult(lane_id=result.lane_id, fence=result.fence, write_id=result.write_id)
    match result.outcome:
        case domain.Done(record_id, modified_at, readings):
            message.done.record_id = record_id
            message.done.readings.extend(_reading(reading) for reading in readings)
            if modified_at is not None:
                message.done.modified_at.CopyFrom(moment(modified_at))
        case domain.Refused(reason, fields):
            message.refused.reason = reason
            message.refused.fields.extend(fields)
        case domain.EmailTaken(record_id):
            message.email_taken.SetInParent()
            message.email_taken.record_id = record_id
        case domain.NotSent(reason, retry_after_ms):
            message.not_sent.reason = reason
            message.not_sent.retry_after_ms = retry_after_ms
    return message


def release(given: domain.Release) -> service_pb.Release:
    """Build the message of a release."""
    return service_pb.Release(
        lane_id=given.lane_id,
        fence=given.fence,
        kind=_RELEASES[given.kind],
        reason=given.reason,
        retry_after_ms=given.retry_after_ms,
    )


def _write(message: sync_pb2.Write) -> domain.Write:
    return domain.Write(
        message.write_id, _WRITES[message.kind], message.record_id, message.lead_id, dict(message.values)
    )


def _present(record: domain.Present) -> sync_pb2.PresentRecord:
    return sync_pb2.PresentRecord(
        record_id=record.record_id,
        modified_at=moment(record.modified_at),
        readings=[_reading(reading) for reading in record.readings],
        source_system=record.source_system,
        marked_lead_id=record.marked_lead_id,
        with_history=record.with_history,
        merged_record_ids=record.merged_record_ids,
    )


def _reading(reading: domain.Reading) -> sync_pb2.Reading:
    return sync_pb2.Reading(
        field=reading.field,
        crm=reading.crm,
        value=reading.value,
        versions=[
            sync_pb2.Version(
                crm=version.crm,
                value=version.value,
                changed_at=moment(version.changed_at),
                ours=version.ours,
                source=version.source,
            )
            for version in reading.versions
        ],
    )
