"""Decisions on leads, which a person may undo."""

import grpc
from leadsync.sync.v1 import conflict_service_pb2 as pb
from leadsync.sync.v1.conflict_service_pb2_grpc import ConflictServiceStub
from msgspec import Struct

from webhook_gateway.resources.operation import operation
from webhook_gateway.resources.reasons import LEAD_VALUES, STALE, STORE, Reasons
from webhook_gateway.rpc.calls import Client
from webhook_gateway.rpc.messages import plain

NO_DECISION: Reasons = {404: ("decision_not_found", "lead_not_found")}
UNDO: Reasons = {400: ("undo_too_late", "nothing_to_undo", "changed_since")}


class Undone(Struct, rename="camel"):
    """The lead that was changed back."""

    lead_id: str


class Decisions(Client):
    """Undoes decisions of lead-store. Every operation raises ServiceProblem."""

    def __init__(self, store: grpc.aio.Channel) -> None:
        self._stub = ConflictServiceStub(store)

    @operation("POST", "/api/v1/decisions/{decision_id}/undo", NO_DECISION, UNDO, LEAD_VALUES, STALE, STORE)
    async def undo_decision(self, tenant: str, decision_id: str, actor: str) -> Undone:
        """Set what a decision changed on a lead back, as an ordinary edit; possible for 90 days."""
        request = pb.UndoDecisionRequest(tenant_id=tenant, decision_id=decision_id, actor=actor)
        return plain(await self.call(self._stub.UndoDecision, request), Undone)
