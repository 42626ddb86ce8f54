"""A double of lead-store for what the connector calls, over a real socket."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from crm_connector.clients.channel import open_channel
from crm_connector.clients.lead_store import Deadlines, GrpcLeadStore
from crm_connector.domain.timing import Timing
from google.protobuf import any_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status
from leadsync.inbox.v1 import inbox_service_pb2, inbox_service_pb2_grpc
from leadsync.lead.v1 import lead_field_pb2
from leadsync.sync.v1 import (
    plan_service_pb2,
    plan_service_pb2_grpc,
    policy_pb2,
    sync_pb2,
    work_service_pb2,
    work_service_pb2_grpc,
)

# For what really waits.
SHORT = Timing().scaled(50)
Decide = Callable[[sync_pb2.Observation], sync_pb2.Decision]
LeasePage = Callable[[work_service_pb2.LeaseWorkRequest], work_service_pb2.LeaseWorkResponse]


def unchanged(seen: sync_pb2.Observation) -> sync_pb2.Decision:
    """Decide that nothing is to be done."""
    return sync_pb2.Decision(work_item_id=seen.work_item_id, outcome=sync_pb2.OUTCOME_UNCHANGED)


def lease_all(request: work_service_pb2.LeaseWorkRequest) -> work_service_pb2.LeaseWorkResponse:
    """Lease every record of a page."""
    leases = [
        sync_pb2.Lease(work_item_id=f"work-{one.record_id}", fence=1, record_id=one.record_id)
        for one in request.records
    ]
    return work_service_pb2.LeaseWorkResponse(integration_id=request.integration_id, leases=leases, lease_ms=60_000)


# Whatever a test does not need is answered UNIMPLEMENTED, also what the contract gains later.
_Work: Any = work_service_pb2_grpc.WorkServiceServicer
_Plans: Any = plan_service_pb2_grpc.PlanServiceServicer
_Inbox: Any = inbox_service_pb2_grpc.InboxServiceServicer


@dataclass
class StoreDouble(_Work, _Plans, _Inbox):  # type: ignore[misc]
    """Hands out what a test puts into `queue`, decides by `decide`, and keeps what it gets.

    `types` are those of lead fields, `policy_faults` the paths that make a policy invalid.
    """

    decide: Decide = unchanged
    queue: list[work_service_pb2.LeaseWorkResponse] = field(default_factory=list)
    page: LeasePage | None = None
    lease_requests: list[work_service_pb2.LeaseWorkRequest] = field(default_factory=list)
    observations: list[sync_pb2.Observation] = field(default_factory=list)
    results: list[sync_pb2.WriteResult] = field(default_factory=list)
    releases: list[work_service_pb2.Release] = field(default_factory=list)
    targets: dict[str, sync_pb2.Target] = field(default_factory=dict)
    applied: list[str] = field(default_factory=list)
    queued: int = 0
    removed: list[str] = field(default_factory=list)
    unavailable: int = 0
    away_reason: str = "store_unavailable"
    busy: bool = False
    refusals: int = 0
    refused: int = 0
    contended: int = 0
    lease_ms: int = 60_000
    pending: int = 0
    renewed: list[str] = field(default_factory=list)
    run_requests: list[work_service_pb2.RequestSyncRequest] = field(default_factory=list)
    plans: list[plan_service_pb2.PlanRecordsRequest] = field(default_factory=list)
    dropped_runs: list[str] = field(default_factory=list)
    types: dict[str, lead_field_pb2.FieldType.ValueType] = field(default_factory=dict)
    policy_faults: list[str] = field(default_factory=list)
    checks: list[plan_service_pb2.CheckPolicyRequest] = field(default_factory=list)
    deliveries: list[inbox_service_pb2.Delivery] = field(default_factory=list)
    when_asked: Callable[[], object] = lambda: None
    held: int = 0
    most_held: int = 0

    def __post_init__(self) -> None:
        self.changed = threading.Condition()

    def reset(self) -> None:
        """Forget everything; calls that are held go on."""
        with self.changed:
            fresh = type(self)()
            kept = {"changed": self.changed, "held": self.held}
            self.__dict__.update(fresh.__dict__ | kept)

    def offer(self, response: work_service_pb2.LeaseWorkResponse) -> None:
        """Make work due."""
        with self.changed:
            self.queue.append(response)
            self.changed.notify_all()

    def PutTarget(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Keep a target."""
        self._fail(context)
        self.targets[request.target.integration_id] = request.target
        self.applied.append(request.run_id)
        return work_service_pb2.PutTargetResponse(queued=self.queued)

    def RemoveTarget(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Drop a target."""
        self._fail(context)
        self.targets.pop(request.integration_id, None)
        self.removed.append(request.integration_id)
        return work_service_pb2.RemoveTargetResponse()

    def LeaseWork(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Hand out what is in the queue, or answer a page."""
        if request.integration_id and self.busy:
            self.refusals += 1
            _refuse(context, code_pb2.UNAVAILABLE, "integration_busy")
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
                return work_service_pb2.LeaseWorkResponse(lease_ms=self.lease_ms)
            self.queue.remove(found)
            return found

    def Reconcile(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Decide as the test says."""
        self.observations.extend(request.observations)
        self._refuse(context)
        return work_service_pb2.ReconcileResponse(decisions=[self.decide(seen) for seen in request.observations])

    def SettleWrites(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Keep results."""
        self._fail(context)
        self.results.extend(request.results)
        return work_service_pb2.SettleWritesResponse(
            settlements=[work_service_pb2.Settlement(settled=self._settles()) for _ in request.results]
        )

    def ReleaseWork(self, request: Any, _context: Any) -> Any:  # noqa: N802
        """Keep releases."""
        self.releases.extend(request.releases)
        return work_service_pb2.ReleaseWorkResponse()

    def CheckPolicy(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Fill in defaults, or refuse what the test says."""
        self.checks.append(request)
        if self.policy_faults:
            _refuse(context, code_pb2.INVALID_ARGUMENT, "invalid_policy", self.policy_faults)
        given = {rule.field: rule for rule in request.policy.fields}
        effective = policy_pb2.SyncPolicy(direction=request.policy.direction, matching=request.policy.matching)
        for name in request.mapped_fields:
            rule = policy_pb2.FieldRule(
                field=name, rule=policy_pb2.MERGE_RULE_NEWEST, blank=policy_pb2.BLANK_RULE_FOLLOW
            )
            rule.MergeFrom(given.get(name, policy_pb2.FieldRule()))
            rule.type = self.types.get(name, lead_field_pb2.FIELD_TYPE_TEXT)
            effective.fields.append(rule)
        effective.deletions.MergeFrom(request.policy.deletions)
        return plan_service_pb2.CheckPolicyResponse(policy=effective)

    def RecordDeliveries(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Keep deliveries, each key once."""
        self._fail(context)
        known = {kept.delivery_key for kept in self.deliveries}
        recorded = [
            inbox_service_pb2.RecordedDelivery(duplicate=given.delivery_key in known) for given in request.deliveries
        ]
        self.deliveries += [given for given in request.deliveries if given.delivery_key not in known]
        return inbox_service_pb2.RecordDeliveriesResponse(recorded=recorded)

    def PlanRecords(self, request: Any, _context: Any) -> Any:  # noqa: N802
        """Plan that every record becomes a lead."""
        self.plans.append(request)
        created = sync_pb2.OUTCOME_CREATED
        decisions = [
            sync_pb2.Decision(work_item_id=f"work-{one.record_id}", outcome=created) for one in request.records
        ]
        return plan_service_pb2.PlanRecordsResponse(decisions=decisions)

    def ListWork(self, _request: Any, _context: Any) -> Any:  # noqa: N802
        """Nothing is due."""
        return work_service_pb2.ListWorkResponse()

    def RequestSync(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Keep what a run hands over, and count it as pending."""
        self._fail(context)
        self.when_asked()
        if request.credential_renewed:
            self.renewed.append(request.integration_id)
            return work_service_pb2.RequestSyncResponse()
        self.run_requests.append(request)
        self.pending += len(request.lead_ids)
        return work_service_pb2.RequestSyncResponse(queued=len(request.lead_ids))

    def GetRunWork(self, _request: Any, context: Any) -> Any:  # noqa: N802
        """Count what is pending."""
        self._fail(context)
        return work_service_pb2.GetRunWorkResponse(pending=self.pending)

    def DropRunWork(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Drop what is pending."""
        self._fail(context)
        self.dropped_runs.append(request.run_id)
        dropped, self.pending = self.pending, 0
        return work_service_pb2.DropRunWorkResponse(dropped=dropped)

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

    def _next(self, request: Any) -> work_service_pb2.LeaseWorkResponse | None:
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
            _refuse(context, code_pb2.UNAVAILABLE, self.away_reason)


def _refuse(context: Any, code: int, reason: str, paths: Sequence[str] = ()) -> None:
    """Refuse a call as lead-store does."""
    faults = [error_details_pb2.BadRequest.FieldViolation(field=path, description="no") for path in paths]
    details = [any_pb2.Any(), any_pb2.Any()]
    details[0].Pack(error_details_pb2.ErrorInfo(reason=reason, domain="leadsync"))
    details[1].Pack(error_details_pb2.BadRequest(field_violations=faults))
    context.abort_with_status(rpc_status.to_status(status_pb2.Status(code=code, message="no", details=details)))


@contextmanager
def served(double: StoreDouble, port: int = 0, most_bytes: int = 4 * 1024 * 1024) -> Iterator[str]:
    """Serve the double on a real socket; it takes messages of at most `most_bytes`."""
    server = grpc.server(ThreadPoolExecutor(8), options=[("grpc.max_receive_message_length", most_bytes)])
    work_service_pb2_grpc.add_WorkServiceServicer_to_server(double, server)
    plan_service_pb2_grpc.add_PlanServiceServicer_to_server(double, server)
    inbox_service_pb2_grpc.add_InboxServiceServicer_to_server(double, server)
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    try:
        yield f"127.0.0.1:{bound}"
    finally:
        with double.changed:
            double.changed.notify_all()
        server.stop(0.2).wait()


@contextmanager
def client_of(target: str, *, patient: bool = False) -> Iterator[GrpcLeadStore]:
    """Open our client of a lead-store. A `patient` one waits for answers however slow the machine is."""
    deadlines = Deadlines(call=300.0, batch=300.0, settle=300.0) if patient else Deadlines()
    with open_channel(target) as channel:
        yield GrpcLeadStore(channel, "worker-1", retries=SHORT.retries, deadlines=deadlines)
