"""Webhooks that could not be verified."""

from collections.abc import Awaitable, Callable
from datetime import datetime

import grpc
from leadsync.inbox.v1 import inbox_service_pb2 as pb
from leadsync.inbox.v1.inbox_service_pb2_grpc import InboxServiceStub
from msgspec import Struct

from webhook_gateway.problem import Problem
from webhook_gateway.resources.operation import operation
from webhook_gateway.resources.reasons import STORE, Reasons
from webhook_gateway.rpc.calls import Client
from webhook_gateway.rpc.messages import plain

OF_OPERATOR: Reasons = {403: ("not_the_operator",)}
# Verifies everything in quarantine again; answers how many requests are now kept, still refused, and left.
Replay = Callable[[], Awaitable[tuple[int, int, int]]]


class QuarantineCount(Struct, rename="camel"):
    """Requests of one provider that were refused for one reason."""

    provider: str
    reason: str
    requests: int
    oldest_received_at: datetime


class QuarantineStatus(Struct, rename="camel"):
    """How many requests are kept, since when, and why they were refused."""

    requests: int
    oldest_received_at: datetime | None
    counts: list[QuarantineCount]


class VerifiedAgain(Struct, rename="camel"):
    """What came of verifying again: requests now kept, still refused, and those not tried or not kept yet."""

    verified: int
    still_refused: int
    left: int


class Quarantines(Client):
    """Counts the quarantine of lead-store and has it verified again. Every operation raises ServiceProblem.

    Nobody knows whose a request is that could not be verified. So only the tenant that runs the installation, the
    operator, sees them: they say something about other tenants.
    """

    def __init__(self, store: grpc.aio.Channel, replay: Replay, operator: str) -> None:
        self._stub = InboxServiceStub(store)
        self._replay = replay
        self._operator = operator

    @operation("GET", "/api/v1/events/quarantine", OF_OPERATOR, STORE)
    async def get_quarantine(self, tenant: str) -> QuarantineStatus:
        """Count the webhooks that could not be verified and are kept for a while, of all tenants together."""
        self._check_operator(tenant)
        answer = await self.call(self._stub.CountQuarantined, pb.CountQuarantinedRequest())
        counts = [plain(item, QuarantineCount) for item in answer.counts]
        oldest = min((item.oldest_received_at for item in counts), default=None)
        return QuarantineStatus(sum(item.requests for item in counts), oldest, counts)

    @operation("POST", "/api/v1/events/verify-again", OF_OPERATOR, STORE)
    async def verify_again(self, tenant: str) -> VerifiedAgain:
        """Verify quarantined webhooks of all tenants with the present secrets and address; keep those that pass."""
        self._check_operator(tenant)
        return VerifiedAgain(*await self._replay())

    def _check_operator(self, tenant: str) -> None:
        if tenant != self._operator:
            raise Problem(403, "not_the_operator", "this is of all tenants, so only the operator's admins may see it")
