"""What a statement asks for beside the id: without it, work would be handed out twice, or a late commit would count."""

import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pymongo
import pytest
from lead_store.domain.decision import Decision, NextStep, Outcome
from lead_store.domain.lead import CrmMetadata, Lead
from lead_store.domain.work_item import WorkItem, WorkItemTouch
from lead_store.mongo.changes import LeadChanges, watch
from lead_store.mongo.client import Document
from lead_store.mongo.indexes import ensure_indexes
from lead_store.mongo.store import Store
from lead_store.mongo.transaction import Session
from lead_store.mongo.work_item_updates import Claim
from lead_store_calls import T0, eventually
from work_item_values import put_values, wrong_keys

LEASE, HOUR = timedelta(seconds=60), timedelta(hours=1)
TOUCHES = [WorkItemTouch("tenant-1", "integration-1", record_id=name) for name in ("1", "2")]
ITEMS = [touch.work_item_id for touch in TOUCHES]
DONE = Decision(Outcome.UNCHANGED, NextStep.DONE)
together = pytest.mark.parametrize("in_transaction", [True, False], ids=["in one statement", "one by one"])


@pytest.fixture
def store(mongo_url: str) -> Iterator[Store]:
    """A store with two work items that are due."""
    with pymongo.MongoClient[Document](mongo_url, tz_aware=True) as client:
        store = Store.of(client, f"test_{uuid.uuid4().hex[:12]}", b"k" * 32)
        ensure_indexes(store.database)
        store.work_items.touch(TOUCHES)
        yield store
        client.drop_database(store.database.name)


def new_claim(store: Store, worker: str, later: timedelta = timedelta()) -> Claim:
    """Who claims, now or later."""
    return Claim(worker, uuid.uuid4().hex, store.now() + later, LEASE)


def claim(
    store: Store, worker: str, *, idle: bool = False, in_transaction: bool = True, later: timedelta = timedelta()
) -> list[WorkItem]:
    """Claim both work items."""
    wanted = new_claim(store, worker, later)
    return store.at_once(
        lambda session: store.work_items.claim(ITEMS, wanted, idle=idle, session=session), together=in_transaction
    )


def lead_of(number: int, **values: str) -> Lead:
    """A new lead with these values."""
    return Lead(f"lead-{number}", "tenant-1", values, {}, CrmMetadata("jazzaam"), T0, T0)


def shown(changes: LeadChanges) -> list[str]:
    """The id of the lead that the next change is about, if there is one."""
    lead = changes.next().lead
    return [lead.lead_id] if lead is not None and lead.revision > 1 else []


def finish(store: Store, work_items: list[WorkItem]) -> bool:
    """End leases, as their work items are now: nothing had to be done."""

    def end(session: Session) -> bool:
        present = store.work_items.by_ids([one.work_item_id for one in work_items], session)
        ended = [(replace(one, version=present[one.work_item_id].version), DONE) for one in work_items]
        return store.work_items.finish(ended, store.now(), session)

    return store.transact(end)


@together
def test_what_is_leased_is_not_claimed(store: Store, in_transaction: bool) -> None:
    """Neither as due work, although it was touched again, nor as idle work; after the end of the lease it is."""
    assert len(claim(store, "one", in_transaction=in_transaction)) == 2
    store.work_items.touch(TOUCHES)
    for idle in (False, True):
        assert claim(store, "other", idle=idle, in_transaction=in_transaction) == []
    assert len(claim(store, "other", later=2 * LEASE, in_transaction=in_transaction)) == 2


@together
def test_a_new_work_item_is_leased_once(store: Store, in_transaction: bool) -> None:
    """Of two pages with the same record only one leases it. What is leased is held, ended and found as any other."""
    new = [WorkItemTouch("tenant-1", "integration-1", record_id=name) for name in ("8", "9")]
    ids = [touch.work_item_id for touch in new]

    def lease(touches: list[WorkItemTouch], worker: str) -> list[WorkItem]:
        wanted = new_claim(store, worker)
        return store.at_once(
            lambda session: store.work_items.claim_new(touches, wanted, session, swept=True), together=in_transaction
        )

    (first,) = lease(new[:1], "one")
    (second,) = lease(new, "other")
    assert [first.work_item_id, second.work_item_id] == ids
    held = store.work_items.held(ids, "one") | store.work_items.held(ids, "other")
    assert held == {(ids[0], first.fence): first, (ids[1], second.fence): second}
    assert list(wrong_keys(store.database["work_items"].find({"_id": {"$in": ids}}))) == []
    store.work_items.touch(new)
    assert finish(store, [first, second])
    found = store.ready_work.find("integration-1", store.now(), 9, of_runs=False)
    assert {name for name, _ in found} == {*ITEMS, *ids}


@together
def test_only_what_is_due_is_claimed_and_only_what_is_not_as_idle(store: Store, in_transaction: bool) -> None:
    """Work that waits and work that is done is not due; work that is due or waits is not idle."""
    waits, done = ITEMS
    put_values(store.database["work_items"], waits, due_at=store.now() + HOUR)
    put_values(store.database["work_items"], done, due_at=None)
    assert claim(store, "one", in_transaction=in_transaction) == []
    assert [one.work_item_id for one in claim(store, "one", idle=True, in_transaction=in_transaction)] == [done]


def test_a_claim_that_is_over_ends_nothing(store: Store) -> None:
    """Not even if the same worker has claimed the work again: each claim has a token of its own."""
    first = claim(store, "one")
    second = claim(store, "one", later=2 * LEASE)
    assert [one.fence for one in second] == [one.fence + 1 for one in first]
    assert not finish(store, first)
    assert not finish(store, [replace(one, worker="other") for one in second])
    assert finish(store, second)
    assert store.ready_work.find("integration-1", store.now(), 9, of_runs=False) == []


def test_a_touch_between_the_reading_and_the_end_of_a_lease_is_kept(store: Store) -> None:
    """The transaction that has read the work item before the touch fails, and its next try sees the touch."""
    claimed, tries = claim(store, "one"), list[int]()

    def end(session: Session) -> bool:
        held = store.work_items.held(ITEMS, "one", session)
        tries.append(len(held))
        if len(tries) == 1:
            store.work_items.touch(TOUCHES[:1])
        return store.work_items.finish([(one, DONE) for one in held.values()], store.now(), session)

    assert store.transact(end)
    assert tries == [len(claimed)] * 2
    found = store.ready_work.find("integration-1", store.now(), 9, of_runs=False)
    assert [name for name, _ in found] == ITEMS[:1]


@pytest.mark.parametrize("number", [1, 2], ids=["one lead", "several leads"])
def test_a_watch_shows_replaced_leads_whose_references_have_changed(store: Store, number: int) -> None:
    """Replacing several leads is an update in the change stream, and a new phone changes what a lead is found by."""
    leads = [lead_of(n, phone="+15551110") for n in range(number)]
    store.transact(lambda session: store.leads.insert(leads, session))
    with watch(store.leads.collection, "tenant-1", "") as changes:
        now = [replace(lead, revision=1, values={"phone": "+15552220"}) for lead in leads]
        assert store.transact(lambda session: store.leads.replace(now, session))
        seen = list[str]()

        def all_seen() -> bool:
            seen.extend(shown(changes))
            return len(seen) == number

        eventually(all_seen)


@pytest.mark.parametrize("number", [1, 2], ids=["one lead", "several leads"])
def test_a_lead_that_has_changed_since_is_not_replaced(store: Store, number: int) -> None:
    """Nor one of another tenant."""
    leads = [lead_of(n, company="before") for n in range(number)]
    store.transact(lambda session: store.leads.insert(leads, session))
    read = [replace(lead, revision=1) for lead in leads]
    now = [replace(lead, values={"company": "now"}) for lead in read]
    assert store.transact(lambda session: store.leads.replace(now, session))
    late = [replace(lead, values={"company": "late"}) for lead in read]
    assert not store.transact(lambda session: store.leads.replace(late, session))
    foreign = [replace(lead, revision=2, tenant_id="tenant-2") for lead in late]
    assert not store.transact(lambda session: store.leads.replace(foreign, session))
    found = store.leads.by_ids("tenant-1", [lead.lead_id for lead in leads])
    assert {lead.values["company"] for lead in found.values()} == {"now"}
    assert len(found) == number
