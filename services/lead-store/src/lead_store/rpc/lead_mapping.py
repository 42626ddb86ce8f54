"""Leads: domain to contract and back."""

from collections.abc import Mapping

from leadsync.lead.v1 import lead_pb2, lead_service_pb2

from lead_store.domain.errors import Invalid
from lead_store.domain.fields import CUSTOM_PREFIX, STANDARD_FIELDS, is_field
from lead_store.domain.history import Entry
from lead_store.domain.lead import CrmMetadata, EndReason, Lead
from lead_store.domain.link import Link
from lead_store.domain.reasons import advice
from lead_store.domain.rules import Direction
from lead_store.rpc.times import to_timestamp

DIRECTIONS = {
    Direction.TO_CRM: lead_pb2.DIRECTION_TO_CRM,
    Direction.FROM_CRM: lead_pb2.DIRECTION_FROM_CRM,
    Direction.BIDIRECTIONAL: lead_pb2.DIRECTION_BIDIRECTIONAL,
}


def lead_message(lead: Lead) -> lead_pb2.Lead:
    """A lead as the contract shows it."""
    values = lead.values
    return lead_pb2.Lead(
        lead_id=lead.lead_id,
        **{name: values.get(name, "") for name in STANDARD_FIELDS},
        custom_fields={n.removeprefix(CUSTOM_PREFIX): v for n, v in values.items() if n.startswith(CUSTOM_PREFIX)},
        crm_metadata=_metadata_message(lead.metadata),
        links=[_link_message(link, values) for link in lead.links],
        etag=str(lead.revision),
        created_at=to_timestamp(lead.created_at),
        changed_at=to_timestamp(lead.changed_at),
        deleted_at=to_timestamp(lead.deleted_at),
        end_reason=(lead.end_reason or EndReason.DELETED) if lead.deleted_at else "",
        merged_into_lead_id=lead.merged_into,
    )


def values_of(message: lead_pb2.Lead) -> dict[str, str]:
    """All field values of a lead in a request."""
    values = {name: getattr(message, name) for name in STANDARD_FIELDS}
    values.update({CUSTOM_PREFIX + name: value for name, value in message.custom_fields.items()})
    return values


def masked_values(message: lead_pb2.Lead, paths: list[str]) -> dict[str, str]:
    """The values of the masked fields; a custom field that is masked but missing is cleared."""
    if not paths:
        raise Invalid("update_mask", "name the fields to change")
    values = values_of(message)
    for path in paths:
        if not is_field(path):
            raise Invalid("update_mask", f"no such field: {path[:100]}")
    return {path: values.get(path, "") for path in paths}


def _metadata_message(metadata: CrmMetadata) -> lead_pb2.CrmMetadata:
    direction = metadata.last_sync_direction
    return lead_pb2.CrmMetadata(
        source_system=metadata.source_system,
        last_sync_direction=DIRECTIONS[direction] if direction else lead_pb2.DIRECTION_UNSPECIFIED,
        last_synced_at=to_timestamp(metadata.last_synced_at),
        sync_version=metadata.sync_version,
        last_modified_in_crm=to_timestamp(metadata.last_modified_in_crm),
        crm_provider=metadata.crm_provider,
    )


def _link_message(link: Link, values: Mapping[str, str]) -> lead_pb2.Link:
    state = lead_pb2.LINK_STATE_ACTIVE if link.record_id else lead_pb2.LINK_STATE_PENDING
    return lead_pb2.Link(
        integration_id=link.integration_id,
        provider=link.provider,
        record_id=link.record_id,
        state=lead_pb2.LINK_STATE_DETACHED if link.detached_reason else state,
        detached_reason=link.detached_reason,
        conflicts=[
            lead_pb2.FieldConflict(field=name, ours=waits.ours, theirs=waits.theirs)
            for name, waits in sorted(link.conflicts.items())
        ]
        + [
            lead_pb2.FieldConflict(field=name, ours=values.get(name, ""), theirs=lost.value, overwritten=True)
            for name, lost in sorted(link.overwritten.items())
        ],
        paused=[
            lead_pb2.PausedField(
                field=name,
                value=oscillation.value,
                replaced=oscillation.replaced,
                writer=oscillation.writer,
                until=to_timestamp(oscillation.paused_until),
            )
            for name, oscillation in sorted(link.oscillations.items())
            if oscillation.paused_until is not None
        ],
        object=link.object,
        record_url=link.record_url,
        unreadable=[
            lead_pb2.UnreadableField(field=name, theirs=value.theirs, reason=value.reason)
            for name, value in sorted(link.unreadable.items())
        ],
        refused=[_refused(name, refusal.reason) for name, refusal in sorted(link.refused.items())],
    )


def explanation_message(entry: Entry) -> lead_service_pb2.Explanation:
    """A decision as the contract shows it."""
    return lead_service_pb2.Explanation(
        decision_id=entry.decision_id,
        decided_at=to_timestamp(entry.at),
        outcome=entry.outcome,
        actor=entry.actor,
        integration_id=entry.integration_id,
        record_id=entry.record_id,
        reason=entry.reason,
        event_source=entry.event_source,
        fields=[
            lead_service_pb2.FieldExplanation(
                field=name, side=change.side, before=change.before, after=change.after, because=change.because
            )
            for name, change in sorted(entry.fields.items())
        ],
    )


def _refused(name: str, reason: str) -> lead_pb2.RefusedField:
    known = advice(reason)
    return lead_pb2.RefusedField(field=name, reason=reason, cause=known.cause, remedy=known.remedy)
