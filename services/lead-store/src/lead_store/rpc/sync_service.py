"""SyncService: what workers and people call is inherited, the rest is targets and looking in."""

from datetime import datetime, timedelta
from typing import Any

from leadsync.sync.v1 import sync_pb2
from leadsync.sync.v1 import sync_service_pb2 as pb

from lead_store.domain.errors import Invalid
from lead_store.domain.lane import Lane
from lead_store.domain.rules import BlankRule, DeletePolicy, Deletions, Direction, FieldRule, MergeRule, Target
from lead_store.rpc.conflict_service import ConflictService
from lead_store.rpc.lead_mapping import DIRECTIONS
from lead_store.rpc.paging import decode_token, encode_token, page_limit
from lead_store.rpc.requests import bounded, required
from lead_store.rpc.times import to_timestamp
from lead_store.usecases.conflicts import Conflicts
from lead_store.usecases.lease import LeaseWork
from lead_store.usecases.status import Status
from lead_store.usecases.targets import Targets
from lead_store.usecases.work import Work

MERGE_RULES = {
    sync_pb2.MERGE_RULE_UNSPECIFIED: MergeRule.NEWEST,
    sync_pb2.MERGE_RULE_CRM: MergeRule.CRM,
    sync_pb2.MERGE_RULE_PLATFORM: MergeRule.PLATFORM,
    sync_pb2.MERGE_RULE_NEWEST: MergeRule.NEWEST,
    sync_pb2.MERGE_RULE_ASK: MergeRule.ASK,
}
BLANK_RULES = {
    sync_pb2.BLANK_RULE_UNSPECIFIED: BlankRule.KEEP,
    sync_pb2.BLANK_RULE_KEEP: BlankRule.KEEP,
    sync_pb2.BLANK_RULE_CLEAR: BlankRule.CLEAR,
}
STATES = {
    pb.WORK_STATE_UNSPECIFIED: "",
    pb.WORK_STATE_DUE: "due",
    pb.WORK_STATE_LEASED: "leased",
    pb.WORK_STATE_FAILED: "failed",
}
DELETE_POLICIES: dict[int, DeletePolicy] = {
    sync_pb2.DELETE_POLICY_UNSPECIFIED: DeletePolicy.UNLINK,
    sync_pb2.DELETE_POLICY_UNLINK: DeletePolicy.UNLINK,
    sync_pb2.DELETE_POLICY_DELETE_LEAD: DeletePolicy.DELETE_LEAD,
    sync_pb2.DELETE_POLICY_IGNORE: DeletePolicy.IGNORE,
}
LONGEST_GRACE = 30 * 24 * 3600  # seconds
MOST_LEADS = 1_000


class SyncService(ConflictService):
    """Targets, work and its statistics."""

    def __init__(self, leases: LeaseWork, work: Work, conflicts: Conflicts, targets: Targets, status: Status) -> None:
        super().__init__(leases, work, conflicts)
        self.targets = targets
        self.status = status

    def PutTarget(self, request: pb.PutTargetRequest, context: Any) -> pb.PutTargetResponse:  # noqa: N802, ARG002
        """Set a target."""
        self.targets.put(_target(request.target))
        self.leases.bell.ring()
        return pb.PutTargetResponse()

    def RemoveTarget(self, request: pb.RemoveTargetRequest, context: Any) -> pb.RemoveTargetResponse:  # noqa: N802, ARG002
        """Forget a target."""
        tenant_id, integration_id = required("tenant_id", request.tenant_id), request.integration_id
        self.targets.remove(tenant_id, required("integration_id", integration_id))
        return pb.RemoveTargetResponse()

    def ListWork(self, request: pb.ListWorkRequest, context: Any) -> pb.ListWorkResponse:  # noqa: N802, ARG002
        """List lanes that are not idle."""
        tenant_id, state = required("tenant_id", request.tenant_id), STATES.get(request.state)
        if state is None:
            raise Invalid("state", "no such state")
        limit, filters = page_limit(request.page_size), (tenant_id, request.integration_id, state)
        after = decode_token(request.page_token, *filters)
        lanes, now = self.status.work(tenant_id, request.integration_id, state, after, limit + 1)
        more = encode_token(lanes[limit - 1].lane_id, *filters) if len(lanes) > limit else ""
        return pb.ListWorkResponse(work=[_work(lane, now) for lane in lanes[:limit]], next_page_token=more)

    def RequestSync(self, request: pb.RequestSyncRequest, context: Any) -> pb.RequestSyncResponse:  # noqa: N802, ARG002
        """Make leads or failed work due."""
        tenant_id, integration_id = required("tenant_id", request.tenant_id), request.integration_id
        target = self.status.target(tenant_id, required("integration_id", integration_id))
        if len(request.lead_ids) > MOST_LEADS:
            raise Invalid("lead_ids", f"send at most {MOST_LEADS} in one call")
        queued = self.targets.request_sync(target, list(request.lead_ids), bounded("run_id", request.run_id))
        if request.failed:
            queued += self.targets.redrive(target, request.reason, list(request.lane_ids))
        self.leases.bell.ring()
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
)


def _target(message: sync_pb2.Target) -> Target:
    directions: dict[int, Direction] = {number: direction for direction, number in DIRECTIONS.items()}
    if message.direction not in directions:
        raise Invalid("target.direction", "is required")
    return Target(
        integration_id=required("target.integration_id", message.integration_id),
        tenant_id=required("target.tenant_id", message.tenant_id),
        provider=required("target.provider", message.provider),
        account_id=required("target.account_id", message.account_id),
        direction=directions[message.direction],
        rules={rule.field: _rule(f"target.fields[{n}]", rule) for n, rule in enumerate(message.fields)},
        mapping=message.mapping_fingerprint,
        webhooks_enabled=message.webhooks_enabled,
        paused=message.paused,
        revision=message.revision,
        deletions=_deletions(message.deletions),
    )


def _deletions(message: sync_pb2.Deletions) -> Deletions:
    if message.policy not in DELETE_POLICIES:
        raise Invalid("target.deletions.policy", "no such policy")
    numbers = (message.grace_seconds, message.cap_number, message.cap_percent)
    if min(numbers) < 0 or message.cap_percent > 100 or message.grace_seconds > LONGEST_GRACE:
        raise Invalid("target.deletions", "numbers are not negative, a grace is at most 30 days, a share at most 100")
    default = Deletions()
    return Deletions(
        DELETE_POLICIES[message.policy],
        timedelta(seconds=message.grace_seconds),
        message.cap_number or default.cap_number,
        message.cap_percent or default.cap_percent,
    )


def _rule(path: str, message: sync_pb2.FieldRule) -> FieldRule:
    if message.rule not in MERGE_RULES or message.blank not in BLANK_RULES:
        raise Invalid(path, "no such rule")
    return FieldRule(MERGE_RULES[message.rule], BLANK_RULES[message.blank])


def _work(lane: Lane, now: datetime) -> pb.Work:
    leased = lane.lease_until is not None and lane.lease_until > now
    state = pb.WORK_STATE_LEASED if leased else pb.WORK_STATE_FAILED if lane.failed_at else pb.WORK_STATE_DUE
    return pb.Work(
        lane_id=lane.lane_id,
        integration_id=lane.integration_id,
        state=state,
        record_id=lane.record_id,
        lead_id=lane.lead_id,
        due_at=to_timestamp(lane.due_at),
        attempts=lane.attempts,
        reason=lane.reason,
    )
