"""Work items: what is due, leased or failed, and making failed work due again."""

from datetime import datetime
from typing import Annotated, Literal

import grpc
from leadsync.sync.v1 import work_service_pb2 as pb
from leadsync.sync.v1.work_service_pb2_grpc import WorkServiceStub
from msgspec import UNSET, Meta, Struct, UnsetType, field

from webhook_gateway.resources.basics import Id, Paging
from webhook_gateway.resources.only_integration import CHOSEN, IntegrationId, OnlyIntegration
from webhook_gateway.resources.operation import operation
from webhook_gateway.resources.reasons import PAGES, STORE
from webhook_gateway.rpc.calls import Client
from webhook_gateway.rpc.messages import filled, plain

WorkState = Literal["due", "leased", "failed"]


class Work(Struct, rename="camel"):
    """The work on one record or lead: what is due, leased or failed, and why."""

    work_item_id: str = field(name="id")
    integration_id: str
    state: WorkState
    record_id: str | None
    lead_id: str | None
    due_at: datetime | None
    attempts: int
    reason: str | None
    cause: str | None
    remedy: str | None


class WorkQuery(Paging):
    """Which work is asked for."""

    integration_id: str = ""
    state: WorkState | UnsetType = UNSET


class Redrive(Struct, rename="camel", forbid_unknown_fields=True):
    """Which failed work to make due again: all of an integration, or what failed for a reason, or some by id.

    So much of it becomes due in a second (0 = all at once); `dryRun` only counts it.
    """

    integration_id: IntegrationId = ""
    reason: str = ""
    work_item_ids: Annotated[list[Id], Meta(min_length=1, max_length=1000)] | UnsetType = UNSET
    per_second: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    dry_run: bool = False


class WorkPage(Struct, rename="camel"):
    """Work that is not idle."""

    work: list[Work]
    next_page_token: str | None


class Queued(Struct):
    """How much work became due."""

    queued: int


class WorkItems(Client):
    """Lists work of lead-store and makes it due. Every operation raises ServiceProblem."""

    def __init__(self, store: grpc.aio.Channel, only: OnlyIntegration) -> None:
        self._stub = WorkServiceStub(store)
        self._only = only

    @operation("GET", "/api/v1/work", PAGES, STORE)
    async def list_work(self, tenant: str, query: WorkQuery) -> WorkPage:
        """List what is due, leased or failed, and why."""
        request = filled(pb.ListWorkRequest(tenant_id=tenant), query)
        return plain(await self.call(self._stub.ListWork, request), WorkPage)

    @operation("POST", "/api/v1/work/redrive", *CHOSEN, STORE)
    async def redrive(self, tenant: str, body: Redrive) -> Queued:
        """Make failed work of an integration due again, all or some, at once or so much in a second; or count it."""
        request = pb.RequestSyncRequest(
            tenant_id=tenant,
            integration_id=await self._only.choose(tenant, body.integration_id),
            failed=True,
            reason=body.reason,
            work_item_ids=body.work_item_ids or (),
            dry_run=body.dry_run,
            per_second=body.per_second,
        )
        return Queued((await self.call(self._stub.RequestSync, request)).queued)
