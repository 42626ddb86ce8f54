"""MatchService: records that may belong to several leads, and leads that seem to be one person."""

from typing import Any

from leadsync.sync.v1 import match_service_pb2 as pb
from leadsync.sync.v1.match_service_pb2_grpc import MatchServiceServicer

from lead_store.domain.errors import Invalid
from lead_store.domain.match import CREATE_NEW, Match
from lead_store.rpc.paging import decode_token, encode_token, fill_page, page_limit
from lead_store.rpc.policy_mapping import MATCH_KEYS
from lead_store.rpc.requests import bounded, required
from lead_store.rpc.times import to_timestamp
from lead_store.usecases.duplicates import Duplicates
from lead_store.usecases.matches import Matches


class MatchService(MatchServiceServicer):
    """Matches and duplicates."""

    def __init__(self, matches: Matches, duplicates: Duplicates) -> None:
        self.matches = matches
        self.duplicates = duplicates

    def ListMatches(self, request: pb.ListMatchesRequest, context: Any) -> pb.ListMatchesResponse:  # noqa: N802, ARG002
        """List records that wait."""
        tenant_id, limit = required("tenant_id", request.tenant_id), page_limit(request.page_size)
        filters = (tenant_id, request.integration_id)
        found = self.matches.page(*filters, decode_token(request.page_token, *filters), limit + 1)
        page, last = fill_page(found, lambda one: _match(one[1]), lambda one: one[0], limit)
        return pb.ListMatchesResponse(matches=page, next_page_token=encode_token(last, *filters))

    def PickMatch(self, request: pb.PickMatchRequest, context: Any) -> pb.PickMatchResponse:  # noqa: N802, ARG002
        """Note which lead a record belongs to."""
        match request.WhichOneof("choice"):
            case "lead_id" if request.lead_id != CREATE_NEW:
                choice = required("lead_id", request.lead_id)
            case "create_new" if request.create_new:
                choice = CREATE_NEW
            case _:
                raise Invalid("choice", "pick a lead, or say that it is a new one")
        self.matches.pick(
            required("tenant_id", request.tenant_id),
            required("integration_id", request.integration_id),
            required("record_id", request.record_id),
            choice,
            required("etag", request.etag),
            bounded("actor", request.actor),
        )
        return pb.PickMatchResponse()

    def ListDuplicates(self, request: pb.ListDuplicatesRequest, context: Any) -> pb.ListDuplicatesResponse:  # noqa: N802, ARG002
        """List leads that seem to be one person."""
        tenant_id, limit = required("tenant_id", request.tenant_id), page_limit(request.page_size)
        filters = (tenant_id, request.integration_id)
        pairs, last = self.duplicates.page(*filters, decode_token(request.page_token, *filters), limit)
        found = [pb.Duplicate(**pair._asdict()) for pair in pairs]
        return pb.ListDuplicatesResponse(duplicates=found, next_page_token=encode_token(last, *filters))


def _match(match: Match) -> pb.Match:
    return pb.Match(
        integration_id=match.integration_id,
        record_id=match.record_id,
        candidates=[
            pb.MatchCandidate(
                lead_id=one.lead_id, keys=[MATCH_KEYS[key] for key in one.keys], taken=one.lead_id in match.taken
            )
            for one in match.candidates
        ],
        since=to_timestamp(match.since),
        etag=match.etag,
    )
