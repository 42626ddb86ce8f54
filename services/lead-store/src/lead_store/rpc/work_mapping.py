"""Leases, observations, decisions and results: contract to domain and back."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from leadsync.sync.v1 import sync_pb2 as pb
from leadsync.sync.v1 import work_service_pb2

from lead_store.domain.decision import Decision, Outcome
from lead_store.domain.errors import Invalid
from lead_store.domain.link import Pending, WriteKind
from lead_store.domain.observation import Absent, Archived, Merged, Observation, Present, State, Unreadable
from lead_store.domain.reasons import advice
from lead_store.domain.rules import Reading, Version
from lead_store.domain.settlement import Done, Duplicate, NotSent, Refused, Stale, WriteResult
from lead_store.domain.work_item import WorkItem
from lead_store.rpc.requests import bounded, required
from lead_store.rpc.times import from_timestamp, to_timestamp
from lead_store.usecases.lease import Lease

OUTCOMES = {
    Outcome.UNCHANGED: pb.OUTCOME_UNCHANGED,
    Outcome.CREATED: pb.OUTCOME_CREATED,
    Outcome.LINKED: pb.OUTCOME_LINKED,
    Outcome.UPDATED: pb.OUTCOME_UPDATED,
    Outcome.PUSHED: pb.OUTCOME_PUSHED,
    Outcome.SKIPPED: pb.OUTCOME_SKIPPED,
    Outcome.UNLINKED: pb.OUTCOME_UNLINKED,
    Outcome.NEEDS_HISTORY: pb.OUTCOME_NEEDS_HISTORY,
    Outcome.NEEDS_READING: pb.OUTCOME_NEEDS_READING,
    Outcome.RELEASED: pb.OUTCOME_RELEASED,
    Outcome.FENCED: pb.OUTCOME_FENCED,
    Outcome.FAILED: pb.OUTCOME_FAILED,
    Outcome.ERASED: pb.OUTCOME_ERASED,
}
LONGEST_URL = 2048
MOST_EMAILS = 250  # of one record; no CRM has more
MOST_MS = 10**12  # what a time span can hold; the decision bounds it further
KINDS = {
    WriteKind.CREATE: pb.WRITE_KIND_CREATE,
    WriteKind.UPDATE: pb.WRITE_KIND_UPDATE,
    WriteKind.ARCHIVE: pb.WRITE_KIND_ARCHIVE,
}


def lease_message(lease: Lease) -> pb.Lease:
    """A lease as a worker gets it. History is asked for after a write of ours (R2, R3)."""
    work_item = lease.work_item
    return pb.Lease(
        work_item_id=work_item.work_item_id,
        fence=work_item.fence,
        record_id=work_item.record_id,
        lead_id=work_item.lead_id,
        email=next(iter(lease.emails), ""),
        emails=lease.emails,
        history=lease.history,
    )


def decision_message(work_item_id: str, decision: Decision) -> pb.Decision:
    """A decision as a worker gets it."""
    return pb.Decision(
        work_item_id=work_item_id,
        outcome=OUTCOMES[decision.outcome],
        reason=decision.reason,
        lead_id=decision.lead_id,
        record_id=decision.record_id,
        write=_write_message(decision.write, decision) if decision.write else None,
    )


def waiting_time(milliseconds: int) -> timedelta:
    """How long a worker asks to wait."""
    return timedelta(milliseconds=min(max(0, milliseconds), MOST_MS))


def observation(path: str, message: pb.Observation) -> Observation:
    """What a worker saw."""
    return Observation(
        required(f"{path}.work_item_id", message.work_item_id),
        message.fence,
        _state(path, message),
        message.read_before_lease,
    )


def write_result(path: str, message: pb.WriteResult) -> WriteResult:
    """What came of a worker's write."""
    outcome: Done | Refused | Duplicate | NotSent | Stale
    match message.WhichOneof("outcome"):
        case "done":
            done = message.done
            at = from_timestamp(done.modified_at) if done.HasField("modified_at") else None
            outcome = Done(required(f"{path}.done.record_id", done.record_id), at, _readings(done.readings))
        case "refused":
            outcome = Refused(required(f"{path}.refused.reason", message.refused.reason), tuple(message.refused.fields))
        case "duplicate":
            outcome = Duplicate(tuple(dict.fromkeys(filter(None, message.duplicate.record_ids))))
        case "stale":
            outcome = Stale()
        case "not_sent":
            retry_after = waiting_time(message.not_sent.retry_after_ms)
            outcome = NotSent(required(f"{path}.not_sent.reason", message.not_sent.reason), retry_after)
        case _:
            raise Invalid(f"{path}.outcome", "is required; for a write that may have landed send no result at all")
    work_item_id, write_id = (
        required(f"{path}.work_item_id", message.work_item_id),
        required(f"{path}.write_id", message.write_id),
    )
    return WriteResult(work_item_id, message.fence, write_id, outcome)


def _state(path: str, message: pb.Observation) -> State:
    match message.WhichOneof("state"):
        case "present":
            return present_record(f"{path}.present", message.present)
        case "archived":
            return Archived()
        case "absent":
            return Absent()
        case "merged":
            return Merged(required(f"{path}.merged.into_record_id", message.merged.into_record_id))
        case "unreadable":
            return Unreadable(required(f"{path}.unreadable.reason", message.unreadable.reason))
        case _:
            raise Invalid(f"{path}.state", "is required")


def present_record(path: str, message: pb.PresentRecord) -> Present:
    """A record that was there."""
    if not message.HasField("modified_at"):
        raise Invalid(f"{path}.modified_at", "is required")
    return Present(
        record_id=required(f"{path}.record_id", message.record_id),
        modified_at=from_timestamp(message.modified_at),
        readings=_readings(message.readings, frozenset(message.history_of)),
        source_system=message.source_system,
        marked_lead_id=message.marked_lead_id,
        with_history=message.with_history,
        merged_record_ids=tuple(message.merged_record_ids),
        other_emails=tuple(filter(str.strip, message.other_emails[:MOST_EMAILS])),
        history_of=frozenset(message.history_of),
        landed_write_id=bounded(f"{path}.landed_write_id", message.landed_write_id),
        object=bounded(f"{path}.object", message.object),
        record_url=bounded(f"{path}.record_url", message.record_url, LONGEST_URL),
        missing=frozenset(message.missing_fields),
    )


def _readings(messages: Iterable[pb.Reading], history_of: frozenset[str] = frozenset()) -> dict[str, Reading]:
    """Readings by field. Versions that are not complete show nothing, so they are left out."""
    return {
        message.field: Reading(
            message.crm, message.value, tuple(map(_version, message.versions if message.field in history_of else ()))
        )
        for message in messages
    }


def _version(message: pb.Version) -> Version:
    return Version(message.crm, message.value, from_timestamp(message.changed_at), message.ours, message.source)


def _write_message(write: Pending, decision: Decision) -> pb.Write:
    return pb.Write(
        write_id=write.write_id,
        kind=KINDS[write.kind],
        record_id=decision.record_id if write.kind is not WriteKind.CREATE else "",
        lead_id=decision.lead_id,
        values=dict(write.values),
        basis=to_timestamp(write.basis),
    )


def work_message(work_item: WorkItem, now: datetime) -> work_service_pb2.Work:
    """A work item as people see it."""
    leased = work_item.lease_until is not None and work_item.lease_until > now
    state = (
        work_service_pb2.WORK_STATE_LEASED
        if leased
        else work_service_pb2.WORK_STATE_FAILED
        if work_item.failed_at
        else work_service_pb2.WORK_STATE_DUE
    )
    return work_service_pb2.Work(
        work_item_id=work_item.work_item_id,
        integration_id=work_item.integration_id,
        state=state,
        record_id=work_item.record_id,
        lead_id=work_item.lead_id,
        due_at=to_timestamp(work_item.due_at),
        attempts=work_item.attempts,
        reason=work_item.reason,
        cause=advice(work_item.reason).cause,
        remedy=advice(work_item.reason).remedy,
    )
