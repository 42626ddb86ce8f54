"""Between our types and `leadsync.sync.v1`. Ours have the contract's names, so most of them translate as they are."""

from dataclasses import asdict
from datetime import UTC
from typing import Any, TypeVar

from google.protobuf.message import Message
from leadsync.inbox.v1 import inbox_service_pb2 as inbox_pb
from leadsync.sync.v1 import sync_pb2
from leadsync.sync.v1 import work_service_pb2 as work_pb

from crm_connector.clients.policy import message_of
from crm_connector.domain import observation as domain
from crm_connector.domain.capabilities import Capabilities
from crm_connector.domain.delivery import Delivery, TouchKind
from crm_connector.domain.integration import Integration

_M = TypeVar("_M", bound=Message)
_RELEASES = {kind: work_pb.ReleaseKind.Value(f"RELEASE_KIND_{kind.name}") for kind in domain.ReleaseKind}
_WRITES = {sync_pb2.WriteKind.Value(f"WRITE_KIND_{kind.name}"): kind for kind in domain.WriteKind}
_TOUCHES = {kind: inbox_pb.TouchKind.Value(f"TOUCH_KIND_{kind.name}") for kind in TouchKind}
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
    domain.Duplicate: "duplicate",
    domain.Stale: "stale",
    domain.NotSent: "not_sent",
}


def message(kind: type[_M], value: object, /, **more: Any) -> _M:
    """Build a message from those attributes of `value` that have its fields' names, and from `more`."""
    names = (field.name for field in kind.DESCRIPTOR.fields)
    return kind(**{name: getattr(value, name) for name in names if hasattr(value, name) and name not in more}, **more)


def target(integration: Integration, capabilities: Capabilities, provider_name: str = "") -> sync_pb2.Target:
    """Build the target: what lead-store must know to route and to merge."""
    return message(
        sync_pb2.Target,
        integration,
        policy=message_of(integration.policy),
        mapped_fields=sorted(integration.mapping),
        mapping_fingerprint=integration.field_mapping.fingerprint,
        capabilities=message(
            sync_pb2.Capabilities, capabilities, unread_within_ms=int(capabilities.unread_within * 1000)
        ),
        provider_name=provider_name,
    )


def lease_batch(response: work_pb.LeaseWorkResponse, claimed_at: float) -> domain.LeaseBatch:
    """Read leases; `claimed_at` is our monotonic clock from before the call."""
    leases = tuple(map(lease, response.leases))
    return domain.LeaseBatch(response.integration_id, claimed_at, response.lease_ms / 1000, leases)


def lease(given: sync_pb2.Lease) -> domain.Lease:
    """Read a lease."""
    return domain.Lease(
        given.work_item_id,
        given.fence,
        given.record_id,
        given.lead_id,
        given.email,
        given.history,
        tuple(given.emails),
    )


def observation(seen: domain.Observation) -> sync_pb2.Observation:
    """Build the message of an observation; an empty dict sets a state that has no fields."""
    return message(sync_pb2.Observation, seen, **{_STATES[type(seen.state)]: asdict(seen.state)})


def present(record: domain.Present) -> sync_pb2.PresentRecord:
    """Build the message of a record that is there."""
    return sync_pb2.PresentRecord(**asdict(record))


def decision(answer: sync_pb2.Decision) -> domain.Decision:
    """Read a decision."""
    return domain.Decision(
        work_item_id=answer.work_item_id,
        outcome=_OUTCOMES.get(answer.outcome, domain.Outcome.DECIDED),
        name=sync_pb2.Outcome.Name(answer.outcome).removeprefix("OUTCOME_").lower(),
        reason=answer.reason,
        record_id=answer.record_id,
        lead_id=answer.lead_id,
        lead_fields=tuple(answer.lead_fields),
        conflict_fields=tuple(answer.conflict_fields),
        write=_write(answer.write) if answer.HasField("write") else None,
    )


def write_result(result: domain.WriteResult) -> sync_pb2.WriteResult:
    """Build the message of a result."""
    return message(sync_pb2.WriteResult, result, **{_RESULTS[type(result.outcome)]: asdict(result.outcome)})


def release(given: domain.Release) -> work_pb.Release:
    """Build the message of a release."""
    return message(work_pb.Release, given, kind=_RELEASES[given.kind])


def delivery(given: Delivery) -> inbox_pb.Delivery:
    """Build the message of a delivery. An event belongs to the first record that it touches, for erasures."""
    touches = [touch for event in given.events for touch in event.touches]
    return message(
        inbox_pb.Delivery,
        given,
        delivery_key=given.key,
        events=f"[{','.join(event.text for event in given.events)}]".encode(),
        touches=[message(inbox_pb.Touch, touch, kind=_TOUCHES[touch.kind]) for touch in touches],
        event_count=len(given.events),
        ignored_count=sum(not event.touches for event in given.events),
        event_record_ids=[event.touches[0].record_id if event.touches else "" for event in given.events],
    )


def _write(given: sync_pb2.Write) -> domain.Write:
    basis = given.basis.ToDatetime(tzinfo=UTC) if given.HasField("basis") else None
    return domain.Write(given.write_id, _WRITES[given.kind], given.record_id, given.lead_id, dict(given.values), basis)
