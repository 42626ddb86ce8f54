"""Pages of large things: bounded in bytes, and complete when they are read one after another."""

import base64
import json
from collections.abc import Callable
from functools import partial
from typing import Any

import grpc
import pytest
from lead_store.rpc.paging import LARGEST_PAGE_BYTES, encode_token
from lead_store_calls import TENANT, LeadStore, eventually
from lead_store_moves import refusal
from leadsync.inbox.v1 import inbox_service_pb2 as inbox
from leadsync.lead.v1 import lead_service_pb2
from leadsync.sync.v1 import conflict_service_pb2, match_service_pb2, work_service_pb2

LONG = "x" * 120_000
Page = tuple[list[str], int, str]  # keys, bytes, and the token of the next one


def _leads(store: LeadStore) -> tuple[Callable[[str], Page], list[str]]:
    created = [store.create(last_name="Lee", company=LONG, website=LONG).lead_id for _ in range(12)]

    def page(token: str) -> Page:
        request = lead_service_pb2.ListLeadsRequest(tenant_id=TENANT, page_size=200, page_token=token)
        answer = store.leads.ListLeads(request, timeout=60)
        return [lead.lead_id for lead in answer.leads], answer.ByteSize(), answer.next_page_token

    return page, created


def _history(store: LeadStore) -> tuple[Callable[[str], Page], list[str]]:
    lead_id = store.create(last_name="Lee").lead_id
    for number in range(12):
        store.update(lead_id, company=f"{number}{LONG}")

    def page(token: str) -> Page:
        request = lead_service_pb2.ExplainLeadRequest(
            tenant_id=TENANT, lead_id=lead_id, page_size=200, page_token=token
        )
        answer = store.leads.ExplainLead(request, timeout=60)
        companies = [
            change.after[:2] for one in answer.explanations for change in one.fields if change.field != "last_name"
        ]
        return companies, answer.ByteSize(), answer.next_page_token

    return page, [f"{number}x"[:2] for number in reversed(range(12))]


def _deliveries(store: LeadStore) -> tuple[Callable[[str], Page], list[str]]:
    store.put_target()
    keys = [f"k{number}" for number in range(5)]
    for key in keys:
        store.deliver(key=key, raw=b"x" * (LARGEST_PAGE_BYTES * 3 // 4))
    eventually(lambda: store.database.deliveries.count_documents({"state": "routed"}) == len(keys))

    def page(token: str) -> Page:
        request = inbox.ListDeliveriesRequest(tenant_id=TENANT, page_size=200, page_token=token)
        answer = store.inbox.ListDeliveries(request, timeout=60)
        return [one.delivery.delivery_key for one in answer.deliveries], answer.ByteSize(), answer.next_page_token

    return page, keys[::-1]


@pytest.mark.parametrize("of", [_leads, _history, _deliveries])
def test_pages_are_bounded_in_bytes(
    lead_store: LeadStore, of: Callable[[LeadStore], tuple[Callable[[str], Page], list[str]]]
) -> None:
    """A page of large items ends early, and its token leads to the next ones: each comes once, in order."""
    page, expected = of(lead_store)
    found: list[str] = []
    pages, token, more = 0, "", True
    while more:
        keys, size, token = page(token)
        assert 1 <= len(keys) < len(expected)
        assert size < 2 * LARGEST_PAGE_BYTES
        found, pages, more = found + keys, pages + 1, bool(token)
    assert found == expected
    assert pages > 2


def _lists(store: LeadStore) -> dict[str, tuple[Callable[[str], object], tuple[str, ...]]]:
    """Every list, and the filters that the tokens of this call of it are good for."""
    lead_id = store.create(last_name="Lee").lead_id
    one: dict[str, Any] = {"tenant_id": TENANT, "page_size": 1}

    def of(method: Callable[..., object], request: Callable[..., object], **more: Any) -> Callable[[str], object]:
        return lambda token: method(request(**more, page_token=token), timeout=60)

    return {
        "leads": (of(store.leads.ListLeads, lead_service_pb2.ListLeadsRequest, **one), (TENANT, "")),
        "history": (
            of(store.leads.ExplainLead, lead_service_pb2.ExplainLeadRequest, **one, lead_id=lead_id),
            (TENANT, lead_id, ""),
        ),
        "deliveries": (
            of(store.inbox.ListDeliveries, inbox.ListDeliveriesRequest, **one),
            (TENANT, "", "None", "", ""),
        ),
        "quarantine": (of(store.inbox.ListQuarantined, inbox.ListQuarantinedRequest, page_size=1), ("",)),
        "work": (of(store.work_stub.ListWork, work_service_pb2.ListWorkRequest, **one), (TENANT, "", "")),
        "conflicts": (
            of(store.conflict_stub.ListConflicts, conflict_service_pb2.ListConflictsRequest, **one),
            (TENANT, "", "", ""),
        ),
        "matches": (of(store.match_stub.ListMatches, match_service_pb2.ListMatchesRequest, **one), (TENANT, "")),
        "duplicates": (
            of(store.match_stub.ListDuplicates, match_service_pb2.ListDuplicatesRequest, **one),
            (TENANT, ""),
        ),
    }


FORGED = (
    "x",
    " ",
    "\ud800",
    "\0",
    "x" * 300,
    "0 ",
    "1e3 k",
    "0001-01-01T00:00:00+23:59 k",
    "9" * 13 + " k",
    "$gt",
    "{}",
)


def test_forged_page_tokens(lead_store: LeadStore) -> None:
    """Whatever a page token says, each list refuses it as one or answers: none is an internal error."""
    for call, filters in _lists(lead_store).values():
        refused = 0
        for after in FORGED:
            forged = _forged(after, *filters)
            try:
                call(forged)
            except grpc.RpcError:
                assert refusal(partial(call, forged))[:2] == (grpc.StatusCode.INVALID_ARGUMENT, "page_token")
                refused += 1
        assert refused < len(FORGED)  # others were read, so the filters here are right
        for token in ("\u00e9", "=", "bm9uZQ==", encode_token("x", "other")):
            assert refusal(partial(call, token))[:2] == (grpc.StatusCode.INVALID_ARGUMENT, "page_token")


def _forged(after: str, *filters: str) -> str:
    """A token that goes on after anything at all; its digest of the filters is no secret."""
    _, digest = json.loads(base64.urlsafe_b64decode(encode_token("x", *filters)))
    return base64.urlsafe_b64encode(json.dumps([after, digest]).encode()).decode()
