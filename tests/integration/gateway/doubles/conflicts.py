# ruff: noqa: N802  the contracts name the methods
"""A double of lead-store's ConflictService."""

from google.rpc import code_pb2  # type: ignore[import-untyped, unused-ignore]
from integration.gateway.doubles.status import Context, fail
from leadsync.sync.v1 import conflict_service_pb2 as pb
from leadsync.sync.v1.conflict_service_pb2_grpc import ConflictServiceServicer


class FakeConflicts(ConflictServiceServicer):
    """The conflicts given; remembers what it was asked."""

    def __init__(self) -> None:
        self.conflicts: list[pb.Conflict] = []
        self.listed: list[pb.ListConflictsRequest] = []
        self.resolved: list[pb.ResolveConflictRequest | pb.ResolveConflictsRequest] = []
        self.undone: list[pb.UndoDecisionRequest] = []

    async def ListConflicts(self, request: pb.ListConflictsRequest, context: Context) -> pb.ListConflictsResponse:
        """List those of a lead, or all."""
        del context
        self.listed.append(request)
        found = [item for item in self.conflicts if request.lead_id in {"", item.lead_id}]
        return pb.ListConflictsResponse(conflicts=found, next_page_token="more" if request.page_size else "")

    async def ResolveConflict(self, request: pb.ResolveConflictRequest, context: Context) -> pb.ResolveConflictResponse:
        """Settle, if it is there and was seen as it is."""
        key = (request.lead_id, request.integration_id, request.field)
        item = next((i for i in self.conflicts if (i.lead_id, i.integration_id, i.field) == key), None)
        if item is None:
            await fail(context, code_pb2.NOT_FOUND, "conflict_not_found", "the field does not wait")
        if item.etag != request.etag:
            await fail(context, code_pb2.ABORTED, "stale_etag", "the conflict has changed since it was read")
        self.resolved.append(request)
        return pb.ResolveConflictResponse(decision_id="decision")

    async def ResolveConflicts(
        self, request: pb.ResolveConflictsRequest, context: Context
    ) -> pb.ResolveConflictsResponse:
        """Settle 1,000, of more."""
        del context
        self.resolved.append(request)
        return pb.ResolveConflictsResponse(resolved=1000, more=True)

    async def UndoDecision(self, request: pb.UndoDecisionRequest, context: Context) -> pb.UndoDecisionResponse:
        """Undo; a decision whose id is a reason is refused for it, and one that is no `decision` is unknown."""
        if request.decision_id in {"undo_too_late", "nothing_to_undo", "changed_since"}:
            await fail(context, code_pb2.FAILED_PRECONDITION, request.decision_id, "it cannot be undone")
        if request.decision_id != "decision":
            await fail(context, code_pb2.NOT_FOUND, "decision_not_found", "the tenant has no such decision")
        self.undone.append(request)
        return pb.UndoDecisionResponse(lead_id="lead")
