"""A process dies with a transaction open: what it has locked is free again at once, not after a minute."""

import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from lead_store.domain.work_item import WorkItemTouch
from lead_store.mongo.client import Document
from lead_store.mongo.indexes import ensure_indexes
from lead_store.mongo.store import Store
from lead_store.mongo.transaction import Session
from lead_store.mongo.work_item_updates import Claim
from pymongo import MongoClient

TOUCH = WorkItemTouch("tenant", "integration", record_id="1")


@pytest.fixture
def open_store(mongo_url: str) -> Iterator[Callable[[str], Store]]:
    """Give a function that opens the same store as another process."""
    name, clients = f"test_{uuid.uuid4().hex[:12]}", []

    def open_as(process: str) -> Store:
        clients.append(MongoClient[Document](mongo_url, tz_aware=True))
        return Store.of(clients[-1], name, b"k" * 32, process=process)

    ensure_indexes(open_as("first").database)
    yield open_as
    clients[0].drop_database(name)
    for client in clients:
        client.close()


def stuck_in_transaction(store: Store) -> threading.Event:
    """Change a work item in a transaction that never ends by itself; the event lets its thread go."""
    locked, over = threading.Event(), threading.Event()

    def work(session: Session) -> None:
        store.work_items.touch([TOUCH], session)
        locked.set()
        over.wait(60)
        raise KeyError

    def run() -> None:
        with pytest.raises(KeyError):
            store.transact(work)

    store.work_items.touch([TOUCH])
    threading.Thread(target=run).start()
    assert locked.wait(10)
    return over


@pytest.mark.parametrize("how", ["its successor starts", "it gives no sign of life"])
def test_work_goes_on_when_a_process_died_in_a_transaction(open_store: Callable[[str], Store], how: str) -> None:
    """Neither the work item's next claim nor its next touch waits for the transaction of the process that died."""
    over = stuck_in_transaction(open_store("died"))
    survivor = open_store("died" if how == "its successor starts" else "another")
    if how == "its successor starts":
        survivor.processes.end_predecessor()
    else:
        long_ago = datetime.now(UTC) - survivor.processes.silent - timedelta(seconds=1)
        survivor.database["processes"].update_one({"_id": "died"}, {"$set": {"seen_at": long_ago}})
        survivor.processes.heartbeat()
    claimed: list[str] = []

    def work_on() -> None:
        survivor.work_items.touch([TOUCH])
        ids, lease = [TOUCH.work_item_id], timedelta(seconds=60)
        claim = Claim("w", "t", survivor.now(), lease)
        claimed.extend(one.work_item_id for one in survivor.work_items.claim(ids, claim))

    working = threading.Thread(target=work_on)
    working.start()
    working.join(10)
    waiting = working.is_alive()
    over.set()
    working.join(90)
    assert not waiting, "the transaction of the process that died was in the way"
    assert claimed == [TOUCH.work_item_id]


def test_a_process_that_lives_keeps_its_transactions(open_store: Callable[[str], Store]) -> None:
    """No process ends the transactions of one that has just given a sign of life."""
    store, other = open_store("living"), open_store("other")

    def work(session: Session) -> int:
        store.work_items.touch([TOUCH], session)
        store.processes.heartbeat()
        other.processes.heartbeat()
        return store.work_items.touch([TOUCH], session)

    assert store.transact(work, tries=1) == 1
    assert {one["_id"] for one in store.database["processes"].find()} == {"living"}


def test_a_process_that_was_taken_for_gone_registers_again(open_store: Callable[[str], Store]) -> None:
    """Its next sign of life writes its sessions down once more, so that they can be ended when it does die."""
    store = open_store("slow")
    store.transact(lambda _: None)
    (before,) = store.database["processes"].find()
    store.database["processes"].delete_one({"_id": "slow"})
    store.processes.heartbeat()
    (after,) = store.database["processes"].find()
    assert after["sessions"] == before["sessions"]


def test_nobody_is_ended_for_a_silence_of_the_database(open_store: Callable[[str], Store]) -> None:
    """The first to come back after an outage waits until all others have had their time to give a sign."""
    store, other = open_store("first back"), open_store("other")
    clock = [0.0]
    store.processes.steady = lambda: clock[0]
    for one in (store, other):
        one.transact(lambda _: None)
        one.processes.heartbeat()
    silent = store.processes.silent
    long_ago = datetime.now(UTC) - silent * 2
    store.database["processes"].update_many({}, {"$set": {"seen_at": long_ago}})
    there = []
    for seconds in range(100, 118, 2):  # after the outage, and then as ever
        clock[0] = seconds
        store.processes.heartbeat()
        there.append(store.database["processes"].count_documents({"_id": "other"}))
    assert there == [1] * 8 + [0]


def test_sessions_are_noted_beside_each_other(open_store: Callable[[str], Store]) -> None:
    """While one note waits for a majority, another session's is written: threads do not queue behind each other."""
    store = open_store("busy")
    collection, waits, over = store.processes.collection, threading.Event(), threading.Event()

    class Slow:
        """The collection, whose first write waits."""

        def update_one(self, *args: Any, **options: Any) -> Any:
            if not waits.is_set():
                waits.set()
                assert over.wait(60)
            return collection.update_one(*args, **options)

    store.processes.collection = Slow()  # type: ignore[assignment]  # the one method that is used
    first = threading.Thread(target=store.transact, args=(lambda _: None,))
    first.start()
    assert waits.wait(60)
    store.transact(lambda _: None)
    noted = len(store.processes.noted)
    over.set()
    first.join()
    assert noted == 2
