"""Requests to the HTTP API: their bodies, queries and headers, and the names of fields in them."""

from contextlib import suppress
from typing import Any

import msgspec
from leadsync.inbox.v1 import inbox_service_pb2
from leadsync.integration.v1 import integration_service_pb2
from leadsync.lead.v1 import lead_service_pb2
from leadsync.sync.v1 import conflict_service_pb2, match_service_pb2, work_service_pb2
from starlette.requests import Request
from webhook_gateway.http.api import OPERATIONS
from webhook_gateway.http.requests import decode, read, read_etag, read_query, read_request_id
from webhook_gateway.problem import Problem
from webhook_gateway.resources.conflicts import ConflictQuery
from webhook_gateway.resources.events import DeliveryQuery
from webhook_gateway.resources.history import HistoryQuery
from webhook_gateway.resources.lead_values import encode_hook
from webhook_gateway.resources.leads import LeadChange, LeadQuery, _message
from webhook_gateway.resources.matches import MatchQuery
from webhook_gateway.resources.runs import PlanQuery, RunQuery
from webhook_gateway.resources.work import WorkQuery
from webhook_gateway.rpc.messages import filled
from webhook_gateway.rpc.names import LeadField, contract_field, http_field, http_path, http_text

from fuzz.target import Target, chosen, text_of

BODIES: list[Any] = [item.shape.takes["body"] for item in OPERATIONS if "body" in item.shape.takes]
QUERIES: list[tuple[type[msgspec.Struct], Any]] = [
    (LeadQuery, lead_service_pb2.ListLeadsRequest),
    (DeliveryQuery, inbox_service_pb2.ListDeliveriesRequest),
    (ConflictQuery, conflict_service_pb2.ListConflictsRequest),
    (WorkQuery, work_service_pb2.ListWorkRequest),
    (RunQuery, integration_service_pb2.ListRunsRequest),
    (PlanQuery, integration_service_pb2.ListPlannedRecordsRequest),
    (MatchQuery, match_service_pb2.ListMatchesRequest),
    (HistoryQuery, lead_service_pb2.ExplainLeadRequest),
]
MOST_FAULTS, LONGEST_DETAIL = 50, 2000


def api_body(data: bytes) -> None:
    """A body is refused with a bounded number of faults, or it is data that can be written again and sent on."""
    which, body = chosen(data, len(BODIES))
    try:
        found: Any = read(decode(body), BODIES[which])
    except Problem as problem:
        assert problem.reason in {"malformed_json", "invalid_field"}  # noqa: PT017 - without pytest too
        _check_problem(problem)
        return
    msgspec.json.encode(found, enc_hook=encode_hook)
    if isinstance(found, LeadChange):
        _message(found)[0].SerializeToString()


def api_query(data: bytes) -> None:
    """A query is refused as such, or fills the request of the service that answers it; so do headers."""
    which, query = chosen(data, len(QUERIES))
    kind, message = QUERIES[which]
    request = Request({
        "type": "http",
        "query_string": query,
        "headers": [(b"if-match", query), (b"idempotency-key", query)],
    })  # fmt: skip
    read_etag(request).encode()
    with suppress(Problem):
        assert len(read_request_id(request)) <= 64
    try:
        filled(message(), read(read_query(request), kind, strict=False)).SerializeToString()
    except Problem as problem:
        _check_problem(problem)


def _check_problem(problem: Problem) -> None:
    assert problem.status == 400
    assert len(problem.errors) <= MOST_FAULTS
    assert len(problem.detail) <= LONGEST_DETAIL
    msgspec.json.encode((problem.detail, problem.errors))


def field_name(data: bytes) -> None:
    """The name of a lead field comes back from the contracts' spelling; any other text is translated somehow."""
    name = text_of(data)
    with suppress(Problem):
        read(name, LeadField)
        assert http_field(contract_field(name)) == name
    for translate in (http_path, http_text):
        assert len(translate(name)) <= 2 * len(name) + 40


TARGETS = (
    Target(api_body, holds_json=True),
    Target(api_query),
    Target(field_name),
)
