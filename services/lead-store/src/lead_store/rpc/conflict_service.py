"""ConflictService: fields that wait for a person, and decisions that a person undoes."""

from typing import Any

from leadsync.sync.v1 import conflict_service_pb2 as pb
from leadsync.sync.v1.conflict_service_pb2_grpc import ConflictServiceServicer

from lead_store.domain.conflict import OpenConflict
from lead_store.domain.errors import Invalid
from lead_store.domain.lead import Lead
from lead_store.rpc.paging import decode_token, encode_token, fill_page, page_limit
from lead_store.rpc.requests import bounded, required
from lead_store.rpc.times import to_timestamp
from lead_store.usecases.conflicts import Choice, Conflicts

SIDES: dict[int, str] = {pb.SIDE_PLATFORM: "platform", pb.SIDE_CRM: "crm"}


class ConflictService(ConflictServiceServicer):
    """Fields that wait for a person."""

    def __init__(self, conflicts: Conflicts) -> None:
        self.conflicts = conflicts

    def ListConflicts(self, request: pb.ListConflictsRequest, context: Any) -> pb.ListConflictsResponse:  # noqa: N802, ARG002
        """List fields that wait."""
        tenant_id, limit = required("tenant_id", request.tenant_id), page_limit(request.page_size)
        filters = (tenant_id, request.integration_id, request.field, request.lead_id)
        after = decode_token(request.page_token, *filters)
        leads = self.conflicts.page(*filters, after, limit + 1)
        page, last = fill_page(leads, _of_lead, lambda one: one[0].lead_id, limit)
        found = [conflict for lead in page for conflict in lead.conflicts]
        return pb.ListConflictsResponse(conflicts=found, next_page_token=encode_token(last, *filters))

    def ResolveConflict(self, request: pb.ResolveConflictRequest, context: Any) -> pb.ResolveConflictResponse:  # noqa: N802, ARG002
        """Settle one conflict."""
        match request.WhichOneof("choice"):
            case "take":
                choice = Choice(_side(request.take))
            case "value":
                choice = Choice(value=request.value)
            case _:
                raise Invalid("choice", "is required")
        decision_id = self.conflicts.resolve(
            required("tenant_id", request.tenant_id),
            required("lead_id", request.lead_id),
            required("integration_id", request.integration_id),
            required("field", request.field),
            choice,
            required("etag", request.etag),
            bounded("actor", request.actor),
        )
        return pb.ResolveConflictResponse(decision_id=decision_id)

    def ResolveConflicts(self, request: pb.ResolveConflictsRequest, context: Any) -> pb.ResolveConflictsResponse:  # noqa: N802, ARG002
        """Settle many conflicts of one field the same way."""
        resolved, more = self.conflicts.resolve_all(
            required("tenant_id", request.tenant_id),
            required("integration_id", request.integration_id),
            required("field", request.field),
            _side(request.take),
            bounded("actor", request.actor),
        )
        return pb.ResolveConflictsResponse(resolved=resolved, more=more)

    def UndoDecision(self, request: pb.UndoDecisionRequest, context: Any) -> pb.UndoDecisionResponse:  # noqa: N802, ARG002
        """Set back what a decision changed."""
        tenant_id, decision_id = required("tenant_id", request.tenant_id), required("decision_id", request.decision_id)
        lead_id = self.conflicts.undo(tenant_id, decision_id, bounded("actor", request.actor))
        return pb.UndoDecisionResponse(lead_id=lead_id)


def _side(side: int) -> str:
    if side not in SIDES:
        raise Invalid("take", "take the platform's or the CRM's value")
    return SIDES[side]


def _of_lead(found: tuple[Lead, list[OpenConflict]]) -> pb.ListConflictsResponse:
    """The conflicts of one lead, which are never on two pages."""
    return pb.ListConflictsResponse(conflicts=map(_conflict, found[1]))


def _conflict(conflict: OpenConflict) -> pb.Conflict:
    suggested = pb.SIDE_UNSPECIFIED
    if conflict.ours_at is not None and conflict.theirs_at is not None:
        suggested = pb.SIDE_PLATFORM if conflict.ours_at > conflict.theirs_at else pb.SIDE_CRM
    return pb.Conflict(
        lead_id=conflict.lead_id,
        integration_id=conflict.integration_id,
        record_id=conflict.record_id,
        field=conflict.field,
        base=conflict.base,
        ours=conflict.ours,
        theirs=conflict.theirs,
        ours_changed_at=to_timestamp(conflict.ours_at),
        ours_source=conflict.ours_source,
        theirs_changed_at=to_timestamp(conflict.theirs_at),
        theirs_source=conflict.theirs_source,
        overwritten=conflict.overwritten,
        suggested=suggested,
        etag=conflict.etag,
    )
