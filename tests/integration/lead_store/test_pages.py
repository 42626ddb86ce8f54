"""Pages of large things: bounded in bytes, and complete when they are read one after another."""

from collections.abc import Callable

import pytest
from lead_store.rpc.paging import LARGEST_PAGE_BYTES
from lead_store_calls import TENANT, LeadStore, eventually
from leadsync.inbox.v1 import inbox_service_pb2 as inbox
from leadsync.lead.v1 import lead_service_pb2

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
