"""A double of lead-store for what the connector calls, over a real socket."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from crm_connector.clients.channel import open_channel
from crm_connector.clients.lead_store import GrpcLeadStore
from google.protobuf import any_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status
from leadsync.sync.v1 import sync_pb2, sync_service_pb2, sync_service_pb2_grpc

Decide = Callable[[sync_pb2.Observation], sync_pb2.Decision]
LeasePage = Callable[[sync_service_pb2.LeaseWorkRequest], sync_service_pb2.LeaseWorkResponse]


def unchanged(seen: sync_pb2.Observation) -> sync_pb2.Decision:
    """Decide that nothing is to be done."""
    return sync_pb2.Decision(work_item_id=seen.work_item_id, outcome=sync_pb2.OUTCOME_UNCHANGED)


def lease_all(request: sync_service_pb2.LeaseWorkRequest) -> sync_service_pb2.LeaseWorkResponse:
    """Lease every record of a page."""
    leases = [
        sync_pb2.Lease(work_item_id=f"work-{one.record_id}", fence=1, record_id=one.record_id)
        for one in request.records
    ]
    return sync_service_pb2.LeaseWorkResponse(integration_id=request.integration_id, leases=leases, lease_ms=60_000)


# Whatever a test does not need is answered UNIMPLEMENTED, also what the contract gains later.
_Servicer: Any = sync_service_pb2_grpc.SyncServiceServicer


@dataclass
class StoreDouble(_Servicer):  # type: ignore[misc]
    """Hands out what a test puts into `queue`, decides by `decide`, and keeps what it gets."""

    decide: Decide = unchanged
    queue: list[sync_service_pb2.LeaseWorkResponse] = field(default_factory=list)
    page: LeasePage | None = None
    lease_requests: list[sync_service_pb2.LeaseWorkRequest] = field(default_factory=list)
    observations: list[sync_pb2.Observation] = field(default_factory=list)
    results: list[sync_pb2.WriteResult] = field(default_factory=list)
    releases: list[sync_service_pb2.Release] = field(default_factory=list)
    targets: dict[str, sync_pb2.Target] = field(default_factory=dict)
    applied: list[str] = field(default_factory=list)
    queued: int = 0
    removed: list[str] = field(default_factory=list)
    unavailable: int = 0
    away_reason: str = "store_unavailable"
    refused: int = 0
    contended: int = 0
    lease_ms: int = 60_000
    pending: int = 0
    run_requests: list[sync_service_pb2.RequestSyncRequest] = field(default_factory=list)
    plans: list[sync_service_pb2.PlanRecordsRequest] = field(default_factory=list)
    dropped_runs: list[str] = field(default_factory=list)
    when_asked: Callable[[], object] = lambda: None
    held: int = 0
    most_held: int = 0

    def __post_init__(self) -> None:
        self.changed = threading.Condition()

    def offer(self, response: sync_service_pb2.LeaseWorkResponse) -> None:
        """Make work due."""
        with self.changed:
            self.queue.append(response)
            self.changed.notify_all()

    def PutTarget(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Keep a target."""
        self._fail(context)
        self.targets[request.target.integration_id] = request.target
        self.applied.append(request.run_id)
        return sync_service_pb2.PutTargetResponse(queued=self.queued)

    def RemoveTarget(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Drop a target."""
        self._fail(context)
        self.targets.pop(request.integration_id, None)
        self.removed.append(request.integration_id)
        return sync_service_pb2.RemoveTargetResponse()

    def LeaseWork(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Hand out what is in the queue, or answer a page."""
        if request.records and self.page is not None:
            self._fail(context)
            return self.page(request)
        with self.changed:
            self.lease_requests.append(request)
            self.held += 1
            self.most_held = max(self.most_held, self.held)
            self.changed.wait_for(
                lambda: self._next(request) is not None or not context.is_active(), request.wait_seconds
            )
            self.held -= 1
            found = self._next(request)
            if found is None:
                return sync_service_pb2.LeaseWorkResponse(lease_ms=self.lease_ms)
            self.queue.remove(found)
            return found

    def Reconcile(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Decide as the test says."""
        self.observations.extend(request.observations)
        self._refuse(context)
        return sync_service_pb2.ReconcileResponse(decisions=[self.decide(seen) for seen in request.observations])

    def SettleWrites(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Keep results."""
        self._fail(context)
        self.results.extend(request.results)
        return sync_service_pb2.SettleWritesResponse(
            settlements=[sync_service_pb2.Settlement(settled=self._settles()) for _ in request.results]
        )

    def ReleaseWork(self, request: Any, _context: Any) -> Any:  # noqa: N802
        """Keep releases."""
        self.releases.extend(request.releases)
        return sync_service_pb2.ReleaseWorkResponse()

    def PlanRecords(self, request: Any, _context: Any) -> Any:  # noqa: N802
        """Plan that every record becomes a lead."""
        self.plans.append(request)
        created = sync_pb2.OUTCOME_CREATED
        decisions = [
            sync_pb2.Decision(work_item_id=f"work-{one.record_id}", outcome=created) for one in request.records
        ]
        return sync_service_pb2.PlanRecordsResponse(decisions=decisions)

    def ListWork(self, _request: Any, _context: Any) -> Any:  # noqa: N802
        """Nothing is due."""
        return sync_service_pb2.ListWorkResponse()

    def RequestSync(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Keep what a run hands over, and count it as pending."""
        self._fail(context)
        self.when_asked()
        self.run_requests.append(request)
        self.pending += len(request.lead_ids)
        return sync_service_pb2.RequestSyncResponse(queued=len(request.lead_ids))

    def GetRunWork(self, _request: Any, context: Any) -> Any:  # noqa: N802
        """Count what is pending."""
        self._fail(context)
        return sync_service_pb2.GetRunWorkResponse(pending=self.pending)

    def DropRunWork(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Drop what is pending."""
        self._fail(context)
        self.dropped_runs.append(request.run_id)
        dropped, self.pending = self.pending, 0
        return sync_service_pb2.DropRunWorkResponse(dropped=dropped)

    def state_of(self, work_item_id: str) -> str:
        """Kind of the last observation of a work item."""
        return str([seen for seen in self.observations if seen.work_item_id == work_item_id][-1].WhichOneof("state"))

    def result_of(self, work_item_id: str) -> sync_pb2.WriteResult:
        """The result of a work item's write."""
        return next(result for result in self.results if result.work_item_id == work_item_id)

    def outcomes(self) -> list[str]:
        """Kinds of all results."""
        return [str(result.WhichOneof("outcome")) for result in self.results]

    def observed_ids(self) -> list[str]:
        """Ids of the records that were observed as present."""
        return [seen.present.record_id for seen in self.observations]

    def _next(self, request: Any) -> sync_service_pb2.LeaseWorkResponse | None:
        busy = set(request.busy_integration_ids)
        return next((response for response in self.queue if response.integration_id not in busy), None)

    def _settles(self) -> bool:
        self.contended -= 1
        return self.contended < 0

    def _refuse(self, context: Any) -> None:
        if self.refused:
            self.refused -= 1
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "no")

    def _fail(self, context: Any) -> None:
        if self.unavailable:
            self.unavailable -= 1
            info = any_pb2.Any()
            info.Pack(error_details_pb2.ErrorInfo(reason=self.away_reason, domain="leadsync"))
            status = status_pb2.Status(code=code_pb2.UNAVAILABLE, message="not now", details=[info])
            context.abort_with_status(rpc_status.to_status(status))


@contextmanager
def served(double: StoreDouble, port: int = 0) -> Iterator[str]:
    """Serve the double on a real socket."""
    server = grpc.server(ThreadPoolExecutor(8))
    sync_service_pb2_grpc.add_SyncServiceServicer_to_server(double, server)
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    try:
        yield f"127.0.0.1:{bound}"
    finally:
        with double.changed:
            double.changed.notify_all()
        server.stop(0.2).wait()


@contextmanager
def client_of(target: str) -> Iterator[GrpcLeadStore]:
    """Open our client of a lead-store."""
    with open_channel(target) as channel:
        yield GrpcLeadStore(channel, "worker-1")
