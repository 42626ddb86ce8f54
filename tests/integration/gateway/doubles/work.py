# ruff: noqa: N802  the contracts name the methods
"""A double of lead-store's WorkService."""

from google.rpc import code_pb2  # type: ignore[import-untyped, unused-ignore]
from integration.gateway.doubles.status import Context, fail
from leadsync.sync.v1 import loop_pb2
from leadsync.sync.v1 import work_service_pb2 as pb
from leadsync.sync.v1.work_service_pb2_grpc import WorkServiceServicer


class FakeWork(WorkServiceServicer):
    """Fixed counters of the integrations in `known`; remembers what was made due."""

    def __init__(self) -> None:
        self.known: set[str] = set()
        self.loops: list[loop_pb2.LoopState] = []
        self.redriven: list[pb.RequestSyncRequest] = []

    async def RequestSync(self, request: pb.RequestSyncRequest, context: Context) -> pb.RequestSyncResponse:
        """Make due."""
        del context
        self.redriven.append(request)
        return pb.RequestSyncResponse(queued=len(request.lead_ids) or 3)

    async def GetSyncStatus(self, request: pb.GetSyncStatusRequest, context: Context) -> pb.GetSyncStatusResponse:
        """Get counters."""
        if request.integration_id not in self.known:
            await fail(context, code_pb2.NOT_FOUND, "integration_not_found", "the tenant has no such integration")
        answer = pb.GetSyncStatusResponse(
            from_crm_created=1,
            from_crm_updated=2,
            from_crm_skipped=3,
            from_crm_unlinked=4,
            from_crm_failed=1,
            to_crm_synced=6,
            pending=8,
            oldest_pending_seconds=9,
            conflicts=10,
            failed_work=11,
            total_received=12,
            decided=2,
            found_by_sweep=5,
        )
        answer.loops.extend(self.loops)
        answer.last_received_at.FromMilliseconds(1_782_371_970_000)
        return answer

    async def ListWork(self, request: pb.ListWorkRequest, context: Context) -> pb.ListWorkResponse:
        """List one work item in the state asked for, or failed."""
        del context
        work = pb.Work(
            work_item_id="work_item",
            integration_id=request.integration_id,
            state=request.state or pb.WORK_STATE_FAILED,
            attempts=2,
            reason="rate_limited",
            cause="The quota is used up.",
        )
        return pb.ListWorkResponse(work=[work])
