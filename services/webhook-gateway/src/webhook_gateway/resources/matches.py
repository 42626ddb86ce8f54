"""Records that may belong to several leads, and what a person decides on them."""

from datetime import datetime
from typing import Annotated, Literal

import grpc
from leadsync.sync.v1 import match_service_pb2 as pb
from leadsync.sync.v1.match_service_pb2_grpc import MatchServiceStub
from msgspec import UNSET, Meta, Struct, UnsetType

from webhook_gateway.problem import Fault, invalid
from webhook_gateway.resources.basics import Id, Paging
from webhook_gateway.resources.operation import operation
from webhook_gateway.resources.reasons import PAGES, STALE, STORE, Reasons
from webhook_gateway.rpc.calls import Client
from webhook_gateway.rpc.messages import filled, plain

NO_MATCH: Reasons = {404: ("integration_not_found", "match_not_found")}
PICK: Reasons = {400: ("pair_busy", "direction")}


class MatchQuery(Paging):
    """Whose matches or duplicates are asked for."""

    integration_id: str = ""


class MatchCandidate(Struct, rename="camel"):
    """A lead that the record may belong to.

    `keys` are what both have in common; none if the record's mark names the lead. `taken`: it is linked to another
    record by now, and picking it moves its link.
    """

    lead_id: str
    keys: list[Literal["email", "phone", "name_domain"]]
    taken: bool


class Match(Struct, rename="camel"):
    """A record that waits for a person to say whose it is."""

    integration_id: str
    record_id: str
    candidates: list[MatchCandidate]
    since: datetime | None
    etag: str


class MatchPage(Struct, rename="camel"):
    """Some records that wait."""

    matches: list[Match]
    next_page_token: str | None


class Pick(Struct, rename="camel", forbid_unknown_fields=True):
    """Whose the record is: one of the candidates, or a new lead's. `etag` is that of the match that was seen."""

    integration_id: Id
    record_id: Id
    etag: Annotated[str, Meta(min_length=1, max_length=128)]
    lead_id: Id | UnsetType = UNSET
    create_new: bool = False


class Matches(Client):
    """Lists and settles matches of lead-store. Every operation raises ServiceProblem."""

    def __init__(self, store: grpc.aio.Channel) -> None:
        self._stub = MatchServiceStub(store)

    @operation("GET", "/api/v1/matches", PAGES, STORE)
    async def list_matches(self, tenant: str, query: MatchQuery) -> MatchPage:
        """List records that match several leads, or one that is linked elsewhere, and wait for a person."""
        request = filled(pb.ListMatchesRequest(tenant_id=tenant), query)
        return plain(await self.call(self._stub.ListMatches, request), MatchPage)

    @operation("POST", "/api/v1/matches/pick", NO_MATCH, PICK, STALE, STORE, status=204)
    async def pick_match(self, tenant: str, body: Pick, actor: str) -> None:
        """Say which candidate a record belongs to, or that it is a new lead; its work becomes due and does the rest."""
        if (body.lead_id is not UNSET) == body.create_new:
            raise invalid(Fault("leadId", "exactly one of leadId and createNew is needed"))
        request = pb.PickMatchRequest(
            tenant_id=tenant,
            integration_id=body.integration_id,
            record_id=body.record_id,
            etag=body.etag,
            actor=actor,
        )
        if body.lead_id is UNSET:
            request.create_new = True
        else:
            request.lead_id = body.lead_id
        await self.call(self._stub.PickMatch, request)
