"""From kept deliveries to work: in turns, wherever clocks stood, and whoever has kept them."""

import contextlib
import time
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from lead_store.domain.delivery import Delivery, Touch, TouchKind
from lead_store.domain.rules import Direction, Target
from lead_store.domain.work_item import WorkItemTouch
from lead_store.mongo.client import connect
from lead_store.mongo.indexes import ensure_indexes
from lead_store.mongo.store import Store
from lead_store.usecases.arrivals import Arrivals
from lead_store.usecases.backlog import MOST_FOUND
from lead_store.usecases.loops import Loops
from lead_store.usecases.router import LARGE_BATCH, Router, RouterTiming
from lead_store.usecases.status import Status
from lead_store.usecases.work_signal import WorkSignal

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture
def store(mongo_url: str) -> Iterator[Store]:
    """A store with the accounts `1` and `2`, and no router of its own."""
    with connect(mongo_url) as client:
        store = Store.of(client, f"test_{uuid.uuid4().hex[:12]}", b"k" * 32)
        ensure_indexes(store.database)
        for account_id in ("1", "2"):
            names = f"integration-{account_id}", f"tenant-{account_id}", "hubspot", account_id
            target = Target(*names, Direction.BIDIRECTIONAL)
            store.targets.put(target, target.fingerprint)
        yield store
        client.drop_database(store.database.name)


def deliveries(account_id: str, number: int, touches: int = 1) -> list[Delivery]:
    """So many deliveries of an account, each about other records."""
    return [
        Delivery(
            uuid.uuid4().hex,
            "hubspot",
            account_id,
            b"[]",
            {},
            tuple(Touch("contact", f"{position}{n}", TouchKind.CHANGED) for n in range(touches)),
            touches,
            0,
            NOW,
        )
        for position in range(number)
    ]


def states(store: Store, some: Sequence[Delivery]) -> set[str]:
    """The states of these deliveries."""
    found = store.deliveries.collection.find({"_id": {"$in": [one.key for one in some]}})
    return {document["state"] for document in found}


def test_an_account_does_not_wait_for_a_huge_delivery_of_another(store: Store) -> None:
    """While one delivery with thousands of touches is routed, a small one of another account is, in the next turn."""
    router = Router(store, WorkSignal(), Arrivals())
    (huge,), small = deliveries("1", 1, touches=1_000), deliveries("2", 1)
    store.deliveries.insert([huge], NOW)
    router.sweep()
    router.take_turns()
    began = store.work_items.collection.count_documents({"integration_id": "integration-1"})
    store.deliveries.insert(small, NOW + timedelta(minutes=1))
    router.sweep()
    router.take_turns()
    assert 0 < began <= LARGE_BATCH
    assert states(store, small) == {"routed"}
    assert states(store, [huge]) == {"new"}
    router.route()
    assert states(store, [huge]) == {"routed"}
    assert store.work_items.collection.count_documents({"integration_id": "integration-1"}) == 1_000


def test_an_account_does_not_wait_for_the_flood_of_another(store: Store) -> None:
    """While sixteen large deliveries of one account wait, a small one of another is routed in the next turn."""
    router = Router(store, WorkSignal(), Arrivals())
    flood, small = deliveries("1", 16, touches=100), deliveries("2", 1)
    store.deliveries.insert(flood, NOW)
    router.sweep()
    router.take_turns()
    store.deliveries.insert(small, NOW + timedelta(minutes=1))
    router.sweep()
    router.take_turns()
    assert states(store, small) == {"routed"}
    assert states(store, flood) == {"routed", "new"}
    router.route()
    assert states(store, flood) == {"routed"}


def test_what_comes_without_end_is_not_put_off_without_end(store: Store) -> None:
    """An account that has been behind for long pauses no longer than its turns take, however busy recording is."""
    now, arrivals = store.now(), Arrivals()
    store.deliveries.insert(deliveries("1", MOST_FOUND), now)
    router = Router(store, WorkSignal(), arrivals, timing=RouterTiming(late=timedelta()))
    router.sweep()

    with arrivals.recording(deliveries("1", 1), now):
        began = time.monotonic()
        router.take_turns()
        ended = time.monotonic()

    (until,) = router.pausing.values()
    assert until - ended <= ended - began


@pytest.mark.parametrize(("number", "is_flood"), [(1, False), (MOST_FOUND, True)], ids=["few", "a flood"])
def test_only_an_account_with_more_to_route_pauses_for_recording(store: Store, number: int, is_flood: bool) -> None:
    """One that has routed all that was found pauses no longer than its turn took, however busy recording is."""
    now, arrivals = store.now(), Arrivals()
    store.deliveries.insert(deliveries("1", number), now)
    router = Router(store, WorkSignal(), arrivals)
    router.sweep()

    with arrivals.recording(deliveries("2", 1), now):
        began = time.monotonic()
        router.take_turns()
        ended = time.monotonic()

    (until,) = router.pausing.values()
    assert (until - ended > ended - began) is is_flood


def test_an_account_that_cannot_be_routed_is_seen(store: Store) -> None:
    """The status of its integration shows since when, and that of the other account's integration a success."""
    loops = Loops()
    router, status = Router(store, WorkSignal(), Arrivals(), loops=loops), Status(store, loops)
    (broken,) = deliveries("1", 1)
    store.deliveries.insert([broken, *deliveries("2", 1)], NOW)
    intact = store.deliveries.collection.find_one({"_id": broken.key})
    assert intact is not None
    store.deliveries.collection.update_one({"_id": broken.key}, {"$unset": {"touches": ""}})
    router.sweep()
    for _ in range(2):
        with contextlib.suppress(KeyError):
            router.take_turns()

    (failing,) = status.of("tenant-1", "integration-1").loops
    (working,) = status.of("tenant-2", "integration-2").loops
    assert (failing.name, failing.failing_since is not None, "KeyError" in failing.message) == ("routing", True, True)
    assert (working.name, working.failing_since, working.succeeded_at is not None) == ("routing", None, True)

    store.deliveries.collection.replace_one({"_id": broken.key}, intact)
    router.route()

    (recovered,) = status.of("tenant-1", "integration-1").loops
    assert (recovered.failing_since, recovered.failed_at) == (None, failing.failed_at)


def test_whatever_waits_is_routed_wherever_clocks_stood(store: Store) -> None:
    """More deliveries than one look finds, all at once and from days ago to hours ahead of the clock, become work."""
    some = deliveries("1", 2 * MOST_FOUND + 1)
    store.deliveries.insert(some, NOW)
    for position, one in enumerate(more := deliveries("1", 100)):
        store.deliveries.insert([one], NOW + timedelta(hours=position / 2 - 40))
    Router(store, WorkSignal(), Arrivals()).route()
    assert states(store, [*some, *more]) == {"routed"}
    assert store.counters.get("integration-1")["total_received"] == len(some) + len(more)


def test_accounts_are_distinguished_by_their_whole_names(store: Store) -> None:
    """An id that looks like the beginning of another one, or like a place in its queue, takes nothing from it."""
    some = [deliveries(account_id, 1)[0] for account_id in ("1", "1/0", "1/000000000000000", "10", "%31", "")]
    store.deliveries.insert(some, NOW)
    spans = store.deliveries.unrouted_spans()
    assert set(spans) == {one.account for one in some}
    for one in some:
        assert [found.key for found in store.deliveries.unrouted(one.account, NOW, 10)] == [one.key]


def test_a_delivery_that_only_names_an_erased_record_loses_its_events(store: Store) -> None:
    """An event of a kind that is not synced goes as well, though it was kept after the erasure of its person."""
    store.transact(lambda session: store.tombstones.add_records("tenant-1", "integration-1", ["7"], session))
    events = b'[{"objectId":7},{"objectId":8}]'
    named = Delivery("named", "hubspot", "1", events, {}, (), 2, 2, NOW, ("7", "8"))
    store.deliveries.insert([named], NOW)
    Router(store, WorkSignal(), Arrivals()).route()
    kept = store.shown_deliveries.get("tenant-1", "named")
    assert kept is not None
    assert (kept.delivery.events, kept.state) == (b'[{"objectId":8}]', "routed")


def test_a_work_item_that_another_transaction_holds_delays_no_other(store: Store) -> None:
    """What cannot become due together becomes due one by one; the work item that is held once it is released."""
    held, free = (WorkItemTouch("tenant-1", "integration-1", record_id) for record_id in ("held", "free"))
    store.work_items.touch([held])
    before = store.work_items.by_ids([held.work_item_id])[held.work_item_id].version

    with ThreadPoolExecutor(1) as other, store.client.start_session() as session:
        with session.start_transaction():
            store.work_items.touch([held], session)
            touching = other.submit(store.touch_together, [free, held])
            while not (work_item := store.work_items.by_ids([free.work_item_id])) and not touching.done():
                time.sleep(0.01)
            assert work_item
        touching.result(30)

    assert store.work_items.by_ids([held.work_item_id])[held.work_item_id].version == before + 2
