"""SyncService: what workers and people call is inherited, the rest is targets and looking in."""

from datetime import datetime
from typing import Any

from leadsync.sync.v1 import sync_service_pb2 as pb

from lead_store.domain.errors import Invalid
from lead_store.domain.reasons import advice
from lead_store.domain.work_item import WorkItem
from lead_store.rpc.match_service import MatchService
from lead_store.rpc.paging import decode_token, encode_token, page_limit
from lead_store.rpc.plan_service import PlanService
from lead_store.rpc.requests import bounded, required
from lead_store.rpc.target_mapping import target_of
from lead_store.rpc.times import to_timestamp
from lead_store.usecases.conflicts import Conflicts
from lead_store.usecases.duplicates import Duplicates
from lead_store.usecases.lease import LeaseWork
from lead_store.usecases.matches import Matches
from lead_store.usecases.planning import Planning
from lead_store.usecases.status import Status
from lead_store.usecases.targets import Targets
from lead_store.usecases.work import Work

STATES = {
    pb.WORK_STATE_UNSPECIFIED: "",
    pb.WORK_STATE_DUE: "due",
    pb.WORK_STATE_LEASED: "leased",
    pb.WORK_STATE_FAILED: "failed",
}
MOST_LEADS = 1_000


class SyncService(PlanService, MatchService):
    """Targets, work and its statistics."""

    def __init__(
        self,
        leases: LeaseWork,
        work: Work,
        conflicts: Conflicts,
        planning: Planning,
        targets: Targets,
        status: Status,
        matches: Matches,
        duplicates: Duplicates,
    ) -> None:
        super().__init__(leases, work, conflicts, planning)
        self.targets = targets
        self.status = status
        self.matches = matches
        self.duplicates = duplicates

    def PutTarget(self, request: pb.PutTargetRequest, context: Any) -> pb.PutTargetResponse:  # noqa: N802, ARG002
        """Set a target."""
        queued = self.targets.put(target_of(request.target), bounded("run_id", request.run_id))
        self.leases.signal.notify()
        return pb.PutTargetResponse(queued=queued)

    def RemoveTarget(self, request: pb.RemoveTargetRequest, context: Any) -> pb.RemoveTargetResponse:  # noqa: N802, ARG002
        """Forget a target."""
        tenant_id, integration_id = required("tenant_id", request.tenant_id), request.integration_id
        self.targets.remove(tenant_id, required("integration_id", integration_id))
        return pb.RemoveTargetResponse()

    def ListWork(self, request: pb.ListWorkRequest, context: Any) -> pb.ListWorkResponse:  # noqa: N802, ARG002
        """List work items that are not idle."""
        tenant_id, state = required("tenant_id", request.tenant_id), STATES.get(request.state)
        if state is None:
            raise Invalid("state", "no such state")
        limit, filters = page_limit(request.page_size), (tenant_id, request.integration_id, state)
        after = decode_token(request.page_token, *filters)
        work_items, now = self.status.work(tenant_id, request.integration_id, state, after, limit + 1)
        more = encode_token(work_items[limit - 1].work_item_id, *filters) if len(work_items) > limit else ""
        return pb.ListWorkResponse(
            work=[_work(work_item, now) for work_item in work_items[:limit]], next_page_token=more
        )

    def RequestSync(self, request: pb.RequestSyncRequest, context: Any) -> pb.RequestSyncResponse:  # noqa: N802, ARG002
        """Make leads or failed work due."""
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
        self.leases.signal.notify()
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
        )

    def GetRunWork(self, request: pb.GetRunWorkRequest, context: Any) -> pb.GetRunWorkResponse:  # noqa: N802, ARG002
        """Get how much of a run's work is still to do."""
        tenant_id, integration_id = required("tenant_id", request.tenant_id), request.integration_id
        target = self.status.target(tenant_id, required("integration_id", integration_id))
        pending, failed = self.targets.run_work(target, required("run_id", request.run_id))
        return pb.GetRunWorkResponse(pending=pending, failed=failed)

    def DropRunWork(self, request: pb.DropRunWorkRequest, context: Any) -> pb.DropRunWorkResponse:  # noqa: N802, ARG002
        """Let go of a run's work that nobody has begun."""
        tenant_id, integration_id = required("tenant_id", request.tenant_id), request.integration_id
        target = self.status.target(tenant_id, required("integration_id", integration_id))
        dropped = self.targets.drop_run_work(target, required("run_id", request.run_id))
        return pb.DropRunWorkResponse(dropped=dropped)


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


def _work(work_item: WorkItem, now: datetime) -> pb.Work:
    leased = work_item.lease_until is not None and work_item.lease_until > now
    state = pb.WORK_STATE_LEASED if leased else pb.WORK_STATE_FAILED if work_item.failed_at else pb.WORK_STATE_DUE
    return pb.Work(
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
