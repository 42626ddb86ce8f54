"""What people, operators and workers do with a lead-store, a few calls at a time."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from lead_store_calls import (
    ACCOUNT,
    INTEGRATION,
    TENANT,
    WORKER,
    LeadStore,
    WriteOutcome,
    absent,
    at,
    document,
    done,
    eventually,
    present,
    touch,
    write_result,
)
from leadsync.inbox.v1 import inbox_service_pb2 as inbox
from leadsync.lead.v1 import lead_pb2, lead_service_pb2
from leadsync.sync.v1 import conflict_service_pb2 as conflict_pb
from leadsync.sync.v1 import sync_pb2
from leadsync.sync.v1 import work_service_pb2 as work_pb
from work_item_values import put_values


def refusal(call: Callable[[], Any]) -> tuple[grpc.StatusCode, str, str]:
    """The status, reason and first wrong field of a call that has to fail."""
    with pytest.raises(grpc.RpcError) as failure:
        call()
    assert isinstance(failure.value, grpc.Call)
    status = rpc_status.from_call(failure.value)
    assert status is not None
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in status.details:
        detail.Unpack(info)
        detail.Unpack(bad)
    assert info.domain == "leadsync"
    return failure.value.code(), info.reason, bad.field_violations[0].field if bad.field_violations else ""


def touched(store: LeadStore, record_id: str = "1", kind: int = inbox.TOUCH_KIND_CHANGED) -> sync_pb2.Lease:
    """Deliver an event on a record and lease its work item."""
    store.deliver(touch(record_id, kind))
    return store.lease_one()


def lease_of(store: LeadStore, record_id: str, integration_id: str = INTEGRATION) -> sync_pb2.Lease:
    """Lease whatever is due until the work item of this record is among it."""
    wanted = f"{integration_id}/record/{record_id}"
    lease: sync_pb2.Lease = eventually(
        lambda: next((lease for lease in store.lease(wait=1).leases if lease.work_item_id == wanted), None)
    )
    return lease


def minute_later(store: LeadStore, work_item_id: str) -> sync_pb2.Lease:
    """Let the first absent reading lie a minute back, and lease the work item again."""
    past = datetime.now(UTC) - timedelta(seconds=61)
    put_values(store.database.work_items, work_item_id, absent_at=past, due_at=past)
    return store.lease_one()


def merged_into(lease: sync_pb2.Lease, record_id: str) -> sync_pb2.Observation:
    """The record lives on under another id."""
    merged = sync_pb2.MergedRecord(into_record_id=record_id)
    return sync_pb2.Observation(work_item_id=lease.work_item_id, fence=lease.fence, merged=merged)


def pushed_out(
    store: LeadStore,
    lead_id: str,
    record_id: str,
    modified: float,
    account: str = ACCOUNT,
    given: Mapping[str, str] | None = None,
    **more: str,
) -> None:
    """Let the one lead that is due become this record, and read the record once, as its own webhook asks."""
    values = {**(given or {}), **more}
    lease = store.lease_one()
    (decision,) = store.reconcile(absent(lease))
    assert decision.write.kind == sync_pb2.WRITE_KIND_CREATE
    assert store.settle(lease, decision.write, done(record_id, at(modified), given=values))
    store.deliver(touch(record_id), account=account)
    seen = present(store.lease_one(), at(modified), marked=lead_id, source_system="jazzaam", given=values)
    store.reconcile(seen)


def settle_all(store: LeadStore, *results: tuple[sync_pb2.Lease, sync_pb2.Decision, WriteOutcome]) -> list[bool]:
    """Report what came of several writes in one call."""
    written = [write_result(lease, decision.write, outcome) for lease, decision, outcome in results]
    request = work_pb.SettleWritesRequest(worker_id=WORKER, results=written)
    return [settlement.settled for settlement in store.work_stub.SettleWrites(request, timeout=30).settlements]


def give_back(store: LeadStore, lease: sync_pb2.Lease, kind: int, wait_ms: int = 0) -> None:
    """End a lease without a decision."""
    release = work_pb.Release(
        work_item_id=lease.work_item_id,
        fence=lease.fence,
        kind=kind,  # type: ignore[arg-type]
        reason="crm_error",
        retry_after_ms=wait_ms,
    )
    store.work_stub.ReleaseWork(work_pb.ReleaseWorkRequest(worker_id=WORKER, releases=[release]), timeout=30)


def push(store: LeadStore, *lead_ids: str, run_id: str = "", integration_id: str = INTEGRATION) -> int:
    """Make leads due; answers how many work items that made."""
    request = work_pb.RequestSyncRequest(
        tenant_id=TENANT, integration_id=integration_id, lead_ids=lead_ids, run_id=run_id
    )
    return store.work_stub.RequestSync(request, timeout=30).queued


def drop_run(store: LeadStore, run_id: str, tenant_id: str = TENANT) -> int:
    """Drop what nobody has begun of a run; answers how many work items that was."""
    request = work_pb.DropRunWorkRequest(tenant_id=tenant_id, integration_id=INTEGRATION, run_id=run_id)
    return store.work_stub.DropRunWork(request, timeout=30).dropped


def disconnect(store: LeadStore, integration_id: str = INTEGRATION) -> None:
    """Remove a target."""
    store.work_stub.RemoveTarget(
        work_pb.RemoveTargetRequest(tenant_id=TENANT, integration_id=integration_id), timeout=30
    )


def delete(store: LeadStore, lead_id: str, **more: Any) -> None:
    """Delete a lead."""
    store.leads.DeleteLead(lead_service_pb2.DeleteLeadRequest(tenant_id=TENANT, lead_id=lead_id, **more), timeout=30)


def merge_leads(store: LeadStore, loser: str, survivor: str) -> None:
    """Merge a lead into another one."""
    delete(store, loser, reason=lead_service_pb2.END_REASON_MERGED, merged_into_lead_id=survivor)


def link_of(store: LeadStore, lead_id: str, integration_id: str = INTEGRATION) -> dict[str, Any]:
    """A lead's link as it is stored, also of a deleted lead; empty if it has none."""
    links = document(store.database.leads, lead_id)["links"]
    return next((link for link in links if link["integration_id"] == integration_id), {})


def holders(store: LeadStore, record_id: str) -> list[str]:
    """Leads that are linked to this record."""
    return [
        lead.lead_id
        for lead in store.all_leads()
        for link in lead.links
        if link.record_id == record_id and link.state == lead_pb2.LINK_STATE_ACTIVE
    ]


def conflicts(store: LeadStore) -> list[conflict_pb.Conflict]:
    """All open conflicts."""
    return list(
        store.conflict_stub.ListConflicts(conflict_pb.ListConflictsRequest(tenant_id=TENANT), timeout=30).conflicts
    )


def resolve(store: LeadStore, conflict: conflict_pb.Conflict, **choice: object) -> str:
    """Settle a conflict as its person would."""
    request = conflict_pb.ResolveConflictRequest(
        tenant_id=TENANT,
        lead_id=conflict.lead_id,
        integration_id=conflict.integration_id,
        field=conflict.field,
        etag=conflict.etag,
        actor="ann",
        **choice,  # type: ignore[arg-type]
    )
    return str(store.conflict_stub.ResolveConflict(request, timeout=30).decision_id)
