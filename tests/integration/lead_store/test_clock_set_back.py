"""The database's clock was hours ahead, and is right again: nothing waits until the wrong time has come."""

import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from lead_store.domain.rules import Direction, Target
from lead_store.domain.work_item import WorkItemTouch
from lead_store.mongo.client import connect
from lead_store.mongo.indexes import ensure_indexes
from lead_store.mongo.store import Store
from lead_store.usecases.life_signs import LifeSigns
from work_item_values import put_values

LEASE, AHEAD = timedelta(seconds=60), timedelta(hours=2)
ITEMS = {name: WorkItemTouch("tenant-1", "integration-1", name) for name in ("new", "later", "leased", "idle")}


@pytest.fixture
def store(mongo_url: str) -> Iterator[Store]:
    """A store with a target, and work that was touched while the clock was two hours ahead."""
    with connect(mongo_url) as client:
        store = Store.of(client, f"test_{uuid.uuid4().hex[:12]}", b"k" * 32, process="this")
        ensure_indexes(store.database)
        target = Target("integration-1", "tenant-1", "hubspot", "1", Direction.BIDIRECTIONAL)
        store.targets.put(target, target.fingerprint)
        store.work_items.touch(ITEMS.values())
        store.transact(lambda _: None)  # notes this process
        now = store.now()
        put: dict[str, dict[str, Any]] = {
            "new": {"due_at": now + AHEAD},
            "later": {"due_at": now + 2 * AHEAD},
            "leased": {"due_at": now + AHEAD + LEASE, "lease_until": now + AHEAD + LEASE, "worker": "w", "fence": 1},
        }
        for name, values in put.items():
            put_values(store.database["work_items"], ITEMS[name].work_item_id, **values)
        put_values(store.database["work_items"], ITEMS["idle"].work_item_id, due_at=None)
        store.database["targets"].update_one(
            {"_id": "integration-1"}, {"$set": {"worker": "gone", "worker_until": now + AHEAD + LEASE}}
        )
        yield store
        client.drop_database(store.database.name)


def dues(store: Store) -> dict[str, timedelta | None]:
    """How long each work item has to wait."""
    now = store.now()
    found = store.work_items.by_ids([one.work_item_id for one in ITEMS.values()])
    return {one.record_id: one.due_at - now if one.due_at else None for one in found.values()}


def test_work_is_due_at_once_when_the_clock_is_right_again(store: Store) -> None:
    """New work is due, a lease lasts no longer than any lease, and the integration waits for its worker no longer."""
    store.database["processes"].update_one({"_id": "this"}, {"$set": {"seen_at": store.now() + AHEAD}})
    signs = LifeSigns(store, LEASE)
    signs.give()
    after = dues(store)

    assert after["new"] is not None
    assert after["new"] <= timedelta()
    assert after["leased"] is not None
    assert LEASE / 2 < after["leased"] <= LEASE
    assert after["later"] is not None
    assert after["later"] > AHEAD  # a wait of its own
    assert after["idle"] is None
    target = store.database["targets"].find_one({"_id": "integration-1"})
    assert target is not None
    assert target["worker_until"] <= store.now() + LEASE
    assert store.processes.clock_set_back() <= timedelta(seconds=1)


def test_waits_are_left_alone_while_the_clock_goes_on(store: Store) -> None:
    """What is due in two hours stays so: only the clock of the database says that it was wrong."""
    before = dues(store)
    LifeSigns(store, LEASE).give()
    after = dues(store)

    assert all((one is None) == (after[name] is None) for name, one in before.items())
    assert all(one is None or one > AHEAD - LEASE for one in after.values())
