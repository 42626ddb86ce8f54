"""Fields that wait for a person, and what a person decides on them."""

from datetime import datetime
from typing import Annotated, Literal

import grpc
from leadsync.sync.v1 import conflict_service_pb2 as pb
from leadsync.sync.v1.conflict_service_pb2_grpc import ConflictServiceStub
from msgspec import UNSET, Meta, Struct, UnsetType

from webhook_gateway.problem import Fault, invalid
from webhook_gateway.resources.basics import Id, Paging
from webhook_gateway.resources.operation import operation
from webhook_gateway.resources.reasons import LEAD_VALUES, PAGES, STALE, STORE, Reasons
from webhook_gateway.rpc.calls import Client
from webhook_gateway.rpc.messages import filled, number, plain
from webhook_gateway.rpc.names import LeadField, contract_field

NO_CONFLICT: Reasons = {404: ("lead_not_found", "conflict_not_found")}
_BULK_SECONDS = 60.0  # up to 1,000 conflicts, each in a transaction of its own
Side = Literal["platform", "crm"]


class ConflictQuery(Paging):
    """Which conflicts are asked for; a page is one of leads."""

    integration_id: str = ""
    lead_id: str = ""
    field: LeadField | UnsetType = UNSET


class Conflict(Struct, rename="camel"):
    """A field that waits for a person.

    `base` is what both sides last agreed on; null if they never did. `overwritten`: both sides hold `ours` now, and
    `theirs` was replaced by a write of ours before it was read. `suggested` is the side whose value was set last.
    """

    lead_id: str
    integration_id: str
    record_id: str | None
    field: LeadField
    base: str | None
    ours: str | None
    theirs: str | None
    ours_changed_at: datetime | None
    ours_source: str | None
    theirs_changed_at: datetime | None
    theirs_source: str | None
    overwritten: bool
    suggested: Side | None
    etag: str


class ConflictPage(Struct, rename="camel"):
    """The conflicts of some leads."""

    conflicts: list[Conflict]
    next_page_token: str | None


class Resolution(Struct, rename="camel", forbid_unknown_fields=True):
    """What a person decides on the conflict whose `etag` this is: to take a side, or to set a value of their own."""

    lead_id: Id
    integration_id: Id
    field: LeadField
    etag: Annotated[str, Meta(min_length=1, max_length=128)]
    take: Side | UnsetType = UNSET
    value: str | UnsetType | None = UNSET


class Resolved(Struct, rename="camel"):
    """The decision that was made; it can be undone."""

    decision_id: str


class BulkResolution(Struct, rename="camel", forbid_unknown_fields=True):
    """Whose value is taken wherever a field waits."""

    integration_id: Id
    field: LeadField
    take: Side


class BulkResolved(Struct, rename="camel"):
    """How many conflicts were settled; ask again while there are `more`."""

    resolved: int
    more: bool


class Conflicts(Client):
    """Lists and settles conflicts of lead-store. Every operation raises ServiceProblem."""

    def __init__(self, store: grpc.aio.Channel) -> None:
        self._stub = ConflictServiceStub(store)

    @operation("GET", "/api/v1/conflicts", PAGES, STORE)
    async def list_conflicts(self, tenant: str, query: ConflictQuery) -> ConflictPage:
        """List fields that wait for a person, one page of leads at a time."""
        request = filled(pb.ListConflictsRequest(tenant_id=tenant), query)
        return plain(await self.call(self._stub.ListConflicts, request), ConflictPage)

    @operation("POST", "/api/v1/conflicts/resolve", NO_CONFLICT, LEAD_VALUES, STALE, STORE)
    async def resolve_conflict(self, tenant: str, body: Resolution, actor: str) -> Resolved:
        """Settle one conflict as it was seen: take the value of a side, or set another one; null or empty clears."""
        if (body.take is UNSET) == (body.value is UNSET):
            raise invalid(Fault("take", "exactly one of take and value is needed"))
        request = pb.ResolveConflictRequest(
            tenant_id=tenant,
            lead_id=body.lead_id,
            integration_id=body.integration_id,
            field=contract_field(body.field),
            etag=body.etag,
            actor=actor,
        )
        if body.take is UNSET:
            request.value = body.value or ""
        else:
            request.take = number(pb.Side, body.take)
        return plain(await self.call(self._stub.ResolveConflict, request), Resolved)

    @operation("POST", "/api/v1/conflicts/resolve-all", LEAD_VALUES, STORE)
    async def resolve_conflicts(self, tenant: str, body: BulkResolution, actor: str) -> BulkResolved:
        """Settle up to 1,000 conflicts of one field the same way; ask again while there are more."""
        request = pb.ResolveConflictsRequest(
            tenant_id=tenant,
            integration_id=body.integration_id,
            field=contract_field(body.field),
            take=number(pb.Side, body.take),
            actor=actor,
        )
        return plain(await self.call(self._stub.ResolveConflicts, request, _BULK_SECONDS), BulkResolved)
