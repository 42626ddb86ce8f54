"""Work that can be handed out is found, in its order, whatever a search remembers of those before."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pymongo
import pytest
from lead_store.mongo.client import EPOCH, Document
from lead_store.mongo.indexes import ensure_indexes
from lead_store.mongo.ready_work import ReadyWork
from lead_store.mongo.work_keys import with_work_keys
from lead_store_calls import T0
from pymongo.collection import Collection


@pytest.fixture
def work_items(mongo_url: str) -> Iterator[Collection[Document]]:
    """The collection, with its indexes."""
    with pymongo.MongoClient[Document](mongo_url, tz_aware=True) as client:
        database = client[f"test_{uuid.uuid4().hex[:12]}"]
        ensure_indexes(database)
        yield database["work_items"]
        client.drop_database(database.name)


def put(work_items: Collection[Document], name: str, due: datetime, **values: Any) -> None:
    """A work item that is due at a time."""
    made = {"integration_id": "one", "run_id": "", "lease_until": EPOCH, "claims": 0, "due_at": due} | values
    work_items.update_one({"_id": name}, with_work_keys(made), upsert=True)


def found(ready: ReadyWork, now: datetime, limit: int, *, of_runs: bool = False) -> list[str]:
    """The ids that a search finds."""
    return [name for name, _ in ready.find("one", now, limit, of_runs=of_runs)]


@pytest.mark.parametrize("seed", range(4))
def test_all_is_found_in_its_order_however_it_is_spread(work_items: Collection[Document], seed: int) -> None:
    """Each search gives the oldest of all that is ready, also what has come in before the place of the last search."""
    rng, ready, now, due = Random(seed), ReadyWork(work_items), T0, dict[str, datetime]()
    for step in range(25):
        spread = rng.choice([1, 1_000, 3_600_000])
        for number in range(rng.choice([0, 3, 12])):
            name = f"{step}.{number}"
            due[name] = now + timedelta(milliseconds=rng.randint(-spread, spread // 2))
            put(work_items, name, due[name])
        now += timedelta(milliseconds=rng.choice([0, 40, 5_000, 1_000_000]))
        limit = rng.choice([1, 4, 50])
        expected = sorted(at for at in due.values() if at <= now)[:limit]
        names = found(ready, now, limit)
        assert [due[name] for name in names] == expected
        for name in names[: rng.randint(0, len(names))]:  # the others stay: their claims may fail
            put(work_items, name, due.pop(name), due_at=None)


def test_only_what_is_free_and_of_its_kind_is_found(work_items: Collection[Document]) -> None:
    """Not what is leased, nor what waits, nor that of others, and live work apart from that of runs."""
    put(work_items, "live", T0)
    put(work_items, "of a run", T0, run_id="run")
    put(work_items, "of another", T0, integration_id="one1")
    put(work_items, "waits", T0 + timedelta(seconds=2))
    put(work_items, "leased and touched", T0, lease_until=T0 + timedelta(seconds=2))
    now, later = T0 + timedelta(seconds=1), T0 + timedelta(seconds=2)
    ready = ReadyWork(work_items)
    assert (found(ready, now, 9), found(ready, now, 9, of_runs=True)) == (["live"], ["of a run"])
    assert set(found(ready, later, 9)) == {"live", "waits", "leased and touched"}
    assert found(ready, T0 - timedelta(milliseconds=1), 9) == []  # the clock was set back


def test_a_search_does_not_read_a_whole_backlog(work_items: Collection[Document]) -> None:
    """The first search reads all; those after it about as much as they give."""
    database, now, number = work_items.database, datetime.now(UTC), 2_000
    for start in range(number):
        put(work_items, f"{start}", now - timedelta(milliseconds=10 * (number - start)))
    ready, read = ReadyWork(work_items), list[int]()
    for _ in range(5):
        names = found(ready, now, 100)
        assert len(names) == 100
        work_items.update_many({"_id": {"$in": names}}, with_work_keys({"due_at": "$$REMOVE"}))
        position = ready._positions["one", False]  # what the next search reads
        keys = [f"one/0/{10**14 + int(at)}" for at in (0, position.at + position.length)]
        read.append(work_items.count_documents({"ready_key": {"$gt": keys[0], "$lte": keys[1]}}))
    assert max(read) <= 200, read
    assert database["work_items"].count_documents({"ready_key": {"$gt": ""}}) == number - 500
