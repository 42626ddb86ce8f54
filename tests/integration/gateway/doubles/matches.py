# ruff: noqa: N802  the contracts name the methods
"""A double of lead-store's MatchService."""

from google.rpc import code_pb2  # type: ignore[import-untyped, unused-ignore]
from integration.gateway.doubles.status import Context, fail
from leadsync.sync.v1 import match_service_pb2 as pb
from leadsync.sync.v1.match_service_pb2_grpc import MatchServiceServicer


class FakeMatches(MatchServiceServicer):
    """The matches given and one pair of duplicates; remembers what it was asked."""

    def __init__(self) -> None:
        self.matches: list[pb.Match] = []
        self.picked: list[pb.PickMatchRequest] = []
        self.listed: list[pb.ListMatchesRequest | pb.ListDuplicatesRequest] = []

    async def ListMatches(self, request: pb.ListMatchesRequest, context: Context) -> pb.ListMatchesResponse:
        """List all."""
        del context
        self.listed.append(request)
        return pb.ListMatchesResponse(matches=self.matches, next_page_token="more" if request.page_size else "")

    async def PickMatch(self, request: pb.PickMatchRequest, context: Context) -> pb.PickMatchResponse:
        """Pick, if it waits and was seen as it is; a lead whose id is a reason is refused for it."""
        match = next((item for item in self.matches if item.record_id == request.record_id), None)
        if match is None:
            await fail(context, code_pb2.NOT_FOUND, "match_not_found", "the record does not wait")
        if match.etag != request.etag:
            await fail(context, code_pb2.ABORTED, "stale_etag", "the candidates have changed since they were read")
        if request.lead_id == "pair_busy":
            await fail(context, code_pb2.FAILED_PRECONDITION, "pair_busy", "a write is under way")
        self.picked.append(request)
        return pb.PickMatchResponse()

    async def ListDuplicates(self, request: pb.ListDuplicatesRequest, context: Context) -> pb.ListDuplicatesResponse:
        """List one pair."""
        del context
        self.listed.append(request)
        pair = pb.Duplicate(integration_id="i", record_id="7", lead_id="a", duplicate_lead_id="b")
        return pb.ListDuplicatesResponse(duplicates=[pair])
