"""WorkService: targets, leases, decisions, and how far the work is."""

from typing import Any

from leadsync.sync.v1 import work_service_pb2 as pb
from leadsync.sync.v1.work_service_pb2_grpc import WorkServiceServicer

from lead_store.domain.errors import Invalid
from lead_store.rpc.loop_mapping import loop_message
from lead_store.rpc.paging import decode_token, encode_token, fill_page, page_limit
from lead_store.rpc.requests import at_most, bounded, required
from lead_store.rpc.target_mapping import target_of
from lead_store.rpc.times import from_timestamp, to_timestamp
from lead_store.rpc.work_mapping import (
    decision_message,
    lease_message,
    observation,
    waiting_time,
    work_message,
    write_result,
)
from lead_store.usecases.lease import LeaseWork, PageRecord
from lead_store.usecases.status import Status
from lead_store.usecases.targets import Targets
from lead_store.usecases.work import Work
from lead_store.usecases.work_signal import WorkSignal

STATES = {
    pb.WORK_STATE_UNSPECIFIED: "",
    pb.WORK_STATE_DUE: "due",
    pb.WORK_STATE_LEASED: "leased",
    pb.WORK_STATE_FAILED: "failed",
}
MOST_LEADS = 1_000
COUNTED = (
    "from_crm_created",
    "from_crm_updated",
    "from_crm_skipped",
    "from_crm_unlinked",
    "from_crm_failed",
    "to_crm_synced",
    "to_crm_failed",
    "total_received",
    "decided",
    "found_by_sweep",
)


class WorkService(WorkServiceServicer):
    """The work on records."""

    def __init__(self, leases: LeaseWork, work: Work, targets: Targets, status: Status, signal: WorkSignal) -> None:
        self.leases = leases
        self.work = work
        self.targets = targets
        self.status = status
        self.signal = signal

    def PutTarget(self, request: pb.PutTargetRequest, context: Any) -> pb.PutTargetResponse:  # noqa: N802, ARG002
        """Set a target."""
        queued = self.targets.put(target_of(request.target), bounded("run_id", request.run_id))
        self.signal.notify([request.target.integration_id])
        return pb.PutTargetResponse(queued=queued)

    def RemoveTarget(self, request: pb.RemoveTargetRequest, context: Any) -> pb.RemoveTargetResponse:  # noqa: N802, ARG002
        """Forget a target."""
        tenant_id, integration_id = required("tenant_id", request.tenant_id), request.integration_id
        self.targets.remove(tenant_id, required("integration_id", integration_id))
        return pb.RemoveTargetResponse()

    def LeaseWork(self, request: pb.LeaseWorkRequest, context: Any) -> pb.LeaseWorkResponse:  # noqa: N802
        """Hand out due work items, or those of a page."""
        worker_id = required("worker_id", request.worker_id)
        if request.leaving:
            self.leases.leave(worker_id)
            return pb.LeaseWorkResponse()
        if request.records or request.integration_id:
            integration_id = required("integration_id", request.integration_id)
            if request.records:
                at_most("records", len(request.records))
            records = [
                PageRecord(record.record_id, from_timestamp(record.modified_at), record.archived)
                for record in request.records
            ]
            leased = self.leases.page(worker_id, integration_id, records, sweep=request.sweep)
        else:
            busy = list(request.busy_integration_ids)
            leased = self.leases.due(worker_id, request.max_leases, request.wait_seconds, busy, context.is_active)
        return pb.LeaseWorkResponse(
            integration_id=leased.integration_id,
            leases=[lease_message(lease) for lease in leased.leases],
            lease_ms=int(self.leases.lease.total_seconds() * 1000),
        )

    def Reconcile(self, request: pb.ReconcileRequest, context: Any) -> pb.ReconcileResponse:  # noqa: N802, ARG002
        """Decide on observed records."""
        worker_id = required("worker_id", request.worker_id)
        at_most("observations", len(request.observations))
        seen = [observation(f"observations[{n}]", message) for n, message in enumerate(request.observations)]
        decisions = self.work.reconcile(worker_id, seen)
        messages = [decision_message(o.work_item_id, decision) for o, decision in zip(seen, decisions, strict=True)]
        return pb.ReconcileResponse(decisions=messages)

    def SettleWrites(self, request: pb.SettleWritesRequest, context: Any) -> pb.SettleWritesResponse:  # noqa: N802, ARG002
        """Note what came of writes."""
        worker_id = required("worker_id", request.worker_id)
        at_most("results", len(request.results))
        results = [write_result(f"results[{n}]", message) for n, message in enumerate(request.results)]
        settled = self.work.settle(worker_id, results)
        return pb.SettleWritesResponse(settlements=[pb.Settlement(settled=done) for done in settled])

    def ReleaseWork(self, request: pb.ReleaseWorkRequest, context: Any) -> pb.ReleaseWorkResponse:  # noqa: N802, ARG002
        """Take leases back without a decision."""
        worker_id = required("worker_id", request.worker_id)
        at_most("releases", len(request.releases))
        for n, release in enumerate(request.releases):
            reason = required(f"releases[{n}].reason", release.reason)
            wait = waiting_time(release.retry_after_ms)
            match release.kind:
                case pb.RELEASE_KIND_WAITING:
                    self.work.release(worker_id, release.work_item_id, release.fence, reason, wait, counts=False)
                case pb.RELEASE_KIND_RETRY:
                    self.work.release(worker_id, release.work_item_id, release.fence, reason, wait, counts=True)
                case pb.RELEASE_KIND_FAILED:
                    self.work.fail(worker_id, release.work_item_id, release.fence, reason)
                case _:
                    raise Invalid(f"releases[{n}].kind", "is required")
        return pb.ReleaseWorkResponse()

    def ListWork(self, request: pb.ListWorkRequest, context: Any) -> pb.ListWorkResponse:  # noqa: N802, ARG002
        """List work items that are not idle."""
        tenant_id, state = required("tenant_id", request.tenant_id), STATES.get(request.state)
        if state is None:
            raise Invalid("state", "no such state")
        limit, filters = page_limit(request.page_size), (tenant_id, request.integration_id, state)
        after = decode_token(request.page_token, *filters)
        work_items, now = self.status.work(tenant_id, request.integration_id, state, after, limit + 1)
        page, last = fill_page(work_items, lambda one: work_message(one, now), lambda one: one.work_item_id, limit)
        return pb.ListWorkResponse(work=page, next_page_token=encode_token(last, *filters))

    def RequestSync(self, request: pb.RequestSyncRequest, context: Any) -> pb.RequestSyncResponse:  # noqa: N802, ARG002
        """Make leads, failed work, or work that waits for a new credential due."""
        tenant_id, integration_id = required("tenant_id", request.tenant_id), request.integration_id
        target = self.status.target(tenant_id, required("integration_id", integration_id))
        for name, ids in (("lead_ids", request.lead_ids), ("work_item_ids", request.work_item_ids)):
            if len(ids) > MOST_LEADS:
                raise Invalid(name, f"send at most {MOST_LEADS} in one call")
        if request.per_second < 0:
            raise Invalid("per_second", "is not negative")
        if request.dry_run and request.lead_ids:
            raise Invalid("dry_run", "counts failed work only; PlanLeads says what a push would do")
        reason, rate = bounded("reason", request.reason), request.per_second
        queued = self.targets.request_sync(target, list(request.lead_ids), bounded("run_id", request.run_id))
        if request.failed:
            work_items, dry_run = list(request.work_item_ids), request.dry_run
            queued += self.targets.redrive(target, reason, work_items, rate, dry_run=dry_run)
        if request.credential_renewed:
            queued += self.targets.credential_renewed(target)
        self.signal.notify([target.integration_id])
        return pb.RequestSyncResponse(queued=queued)

    def GetSyncStatus(self, request: pb.GetSyncStatusRequest, context: Any) -> pb.GetSyncStatusResponse:  # noqa: N802, ARG002
        """Get the statistics of an integration."""
        tenant_id, integration_id = required("tenant_id", request.tenant_id), request.integration_id
        status = self.status.of(tenant_id, required("integration_id", integration_id))
        counted = {name: status.counters.get(name, 0) for name in COUNTED}
        return pb.GetSyncStatusResponse(
            **counted,
            pending=status.pending,
            oldest_pending_seconds=status.oldest_pending_seconds,
            conflicts=status.conflicts,
            failed_work=status.failed_work,
            last_received_at=to_timestamp(status.counters.get("last_received_at")),
            loops=map(loop_message, status.loops),
        )

    def GetRunWork(self, request: pb.GetRunWorkRequest, context: Any) -> pb.GetRunWorkResponse:  # noqa: N802, ARG002
        """Get how much of a run's work is still to do."""
        tenant_id, integration_id = required("tenant_id", request.tenant_id), request.integration_id
        target = self.status.target(tenant_id, required("integration_id", integration_id))
        pending, failed = self.targets.run_work(target, required("run_id", request.run_id))
        return pb.GetRunWorkResponse(pending=pending, failed=failed)

    def DropRunWork(self, request: pb.DropRunWorkRequest, context: Any) -> pb.DropRunWorkResponse:  # noqa: N802, ARG002
        """Drop the work of a run that has not begun."""
        tenant_id, integration_id = required("tenant_id", request.tenant_id), request.integration_id
        target = self.status.target(tenant_id, required("integration_id", integration_id))
        dropped = self.targets.drop_run_work(target, required("run_id", request.run_id))
        return pb.DropRunWorkResponse(dropped=dropped)
