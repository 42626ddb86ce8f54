"""The part of SyncService that a worker calls: lease, reconcile, settle, release."""

from typing import Any

from leadsync.sync.v1 import sync_service_pb2 as pb
from leadsync.sync.v1.sync_service_pb2_grpc import SyncServiceServicer

from lead_store.domain.errors import Invalid
from lead_store.rpc.requests import at_most, required
from lead_store.rpc.times import from_timestamp
from lead_store.rpc.work_mapping import (
    decision_message,
    lease_message,
    observation,
    waiting_time,
    write_result,
)
from lead_store.usecases.lease import LeaseWork, PageRecord
from lead_store.usecases.work import Work


class WorkService(SyncServiceServicer):
    """What a worker that holds leases may do."""

    def __init__(self, leases: LeaseWork, work: Work) -> None:
        self.leases = leases
        self.work = work

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
