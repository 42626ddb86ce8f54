"""A process dies with a transaction open: what it has locked is free again at once, not after a minute."""

import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from lead_store.domain.work_item import WorkItemTouch
from lead_store.mongo.client import Document
from lead_store.mongo.indexes import ensure_indexes
from lead_store.mongo.processes import SILENT_AFTER
from lead_store.mongo.store import Store
from lead_store.mongo.transaction import Session
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


def dies_with_the_work_item(store: Store) -> threading.Event:
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


@pytest.mark.parametrize("how", ["its successor starts", "it has fallen silent"])
def test_work_goes_on_when_a_process_died_in_a_transaction(open_store: Callable[[str], Store], how: str) -> None:
    """Neither the work item's next claim nor its next touch waits for the dead process's transaction to be given up."""
    over = dies_with_the_work_item(open_store("dead"))
    heir = open_store("dead" if how == "its successor starts" else "another")
    if how == "its successor starts":
        heir.processes.succeed()
    else:
        long_ago = datetime.now(UTC) - SILENT_AFTER - timedelta(seconds=1)
        heir.database["processes"].update_one({"_id": "dead"}, {"$set": {"seen_at": long_ago}})
        heir.processes.beat()
    claimed: list[str] = []

    def work_on() -> None:
        heir.work_items.touch([TOUCH])
        claimed.extend(
            one.work_item_id for one in heir.work_items.claim([TOUCH.work_item_id], "w", "t", timedelta(seconds=60))
        )

    working = threading.Thread(target=work_on)
    working.start()
    working.join(10)
    waiting = working.is_alive()
    over.set()
    working.join(90)
    assert not waiting, "the dead process's transaction was in the way"
    assert claimed == [TOUCH.work_item_id]


def test_a_process_that_lives_keeps_its_transactions(open_store: Callable[[str], Store]) -> None:
    """Nobody ends the transactions of a process that has said a moment ago that it lives."""
    store, other = open_store("living"), open_store("other")

    def work(session: Session) -> int:
        store.work_items.touch([TOUCH], session)
        store.processes.beat()
        other.processes.beat()
        return store.work_items.touch([TOUCH], session)

    assert store.transact(work, tries=1) == 1
    assert {one["_id"] for one in store.database["processes"].find()} == {"living"}
