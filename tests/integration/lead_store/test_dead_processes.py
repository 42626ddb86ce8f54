"""A process dies with a transaction open: what it has locked is free again at once, not after a minute."""

import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from lead_store.domain.work_item import WorkItemTouch
from lead_store.mongo.client import Document
from lead_store.mongo.indexes import ensure_indexes
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
        claimed.extend(one.work_item_id for one in survivor.work_items.claim(ids, "w", "t", survivor.now(), lease))

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
