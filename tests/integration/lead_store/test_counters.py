"""The statistics of an integration: commits at the same time do not keep each other from them."""

import uuid
from collections.abc import Iterator
from datetime import timedelta
from functools import partial

import pytest
from lead_store.domain.decision import Decision, NextStep, Outcome
from lead_store.domain.work_item import WorkItem, WorkItemTouch
from lead_store.mongo.client import connect
from lead_store.mongo.counters import SLOTS
from lead_store.mongo.indexes import ensure_indexes
from lead_store.mongo.store import Store
from lead_store.mongo.transaction import Contended, Session
from lead_store.mongo.work_item_updates import Claim
from lead_store.usecases.commit import Commit
from mongo_proxy import MongoProxy

INTEGRATION = "integration-1"
BATCH = 4 * SLOTS
TOUCHES = [WorkItemTouch("tenant-1", INTEGRATION, record_id=str(n)) for n in range(BATCH)]
HOUR = timedelta(hours=1)


@pytest.fixture
def store(proxy: MongoProxy) -> Iterator[Store]:
    """A store with work items that are due."""
    with connect(proxy.url) as client:
        store = Store.of(client, f"test_{uuid.uuid4().hex[:12]}", b"k" * 32)
        ensure_indexes(store.database)
        store.work_items.touch(TOUCHES)
        yield store
        client.drop_database(store.database.name)


def claimed(store: Store) -> list[WorkItem]:
    """All work items, leased."""
    ids, claim = [touch.work_item_id for touch in TOUCHES], Claim("worker", "token", store.now(), HOUR)
    return store.at_once(lambda session: store.work_items.claim(ids, claim, session=session))


def commit(store: Store, work_items: list[WorkItem], counts: dict[str, int], session: Session) -> None:
    """Commit that nothing had to be done, with these counts for each."""
    decided = [(one, Decision(Outcome.UNCHANGED, NextStep.DONE)) for one in work_items]
    for _, decision in decided:
        decision.counts.update(counts)
    Commit(store).decisions(decided, store.now(), session)


def of_two_slots(store: Store) -> tuple[WorkItem, WorkItem]:
    """Two leased work items whose decisions are counted apart."""
    first, *others = claimed(store)
    slot = store.counters.slot(INTEGRATION, first.work_item_id)
    other = next(one for one in others if store.counters.slot(INTEGRATION, one.work_item_id) != slot)
    return first, other


def committed_within(store: Store, outer: WorkItem, inner: WorkItem, counts: dict[str, int]) -> None:
    """Commit one decision while the transaction of another one is open. Each gets one try."""

    def work(session: Session) -> None:
        commit(store, [outer], counts, session)
        store.transact(partial(commit, store, [inner], counts), tries=1)

    store.transact(work, tries=1)


def test_commits_of_one_integration_at_the_same_time_do_not_conflict(store: Store) -> None:
    """Both are committed at the first try, and both are counted."""
    committed_within(store, *of_two_slots(store), {"linked": 1})
    counted = store.counters.get(INTEGRATION)
    assert (counted["decided"], counted["linked"]) == (2, 2)
    assert store.counters.linked_and_deleted(INTEGRATION, store.now(), None) == (2, 0)
    assert store.counters.linked_and_cleared(INTEGRATION, store.now(), None) == (2, {})


@pytest.mark.parametrize("name", ["deletions", "clearings:phone"])
def test_l7_what_is_capped_is_counted_by_one_commit_after_the_other(store: Store, name: str) -> None:
    """Otherwise two of them would each take the last that is left of the hour."""
    with pytest.raises(Contended):
        committed_within(store, *of_two_slots(store), {name: 1})


def test_all_that_is_counted_anywhere_is_summed(store: Store) -> None:
    """Also what an earlier version has counted in one document, and what arrived."""
    first, other = of_two_slots(store)
    store.database["counters"].insert_one({"_id": INTEGRATION, "decided": 40, "to_crm_synced": 3, "linked": 7})
    for one in (first, other):
        store.transact(partial(commit, store, [one], {"linked": -1, "deletions": 1}))
    store.transact(lambda session: store.counters.received(INTEGRATION, 5, store.now(), session))
    counted = store.counters.get(INTEGRATION)
    names = ("decided", "to_crm_synced", "linked", "total_received")
    assert [counted[name] for name in names] == [42, 3, 5, 5]
    assert counted["last_received_at"] <= store.now()
    assert store.counters.linked_and_deleted(INTEGRATION, store.now(), None) == (5, 2)


def test_a_batch_is_counted_by_one_statement(store: Store, proxy: MongoProxy) -> None:
    """However many work items it has, and reads nothing for it. Only so many documents are ever made."""
    work_items = claimed(store)
    proxy.seen = []
    store.transact(partial(commit, store, work_items[SLOTS:], {}))
    seen, proxy.seen = proxy.seen, None
    assert [next(iter(one)) for one in seen if "counters" in one.values()] == ["update"]
    for one in work_items[:SLOTS]:
        store.transact(partial(commit, store, [one], {}))
    assert store.counters.get(INTEGRATION)["decided"] == BATCH
    assert store.database["counters"].count_documents({}) <= SLOTS
