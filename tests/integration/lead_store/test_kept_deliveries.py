"""Deliveries as they are kept: found by what they are about, routed already or not."""

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import zstandard
from lead_store.domain.delivery import Delivery, Touch, TouchKind, merged_into
from lead_store.domain.rules import Account, Direction, Target
from lead_store.mongo.client import connect
from lead_store.mongo.deliveries import Deliveries
from lead_store.mongo.indexes import ensure_indexes

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
ACCOUNT = Account("hubspot", "7")
TARGET = Target("integration", "tenant", *ACCOUNT, Direction.BIDIRECTIONAL)
MARKED = ("", "routed", "unroutable", "ignored")  # empty = nobody has routed it yet


@pytest.fixture
def kept(mongo_url: str) -> Iterator[Deliveries]:
    """An empty collection of deliveries."""
    with connect(mongo_url) as client:
        database = client[f"test_{uuid.uuid4().hex[:12]}"]
        ensure_indexes(database)
        yield Deliveries.of(database, timedelta(days=30))
        client.drop_database(database.name)


def delivery(key: str, *touches: Touch, account: Account = ACCOUNT, about: tuple[str, ...] = ()) -> Delivery:
    """A delivery with an event about each of some records, which need not be those that it touches."""
    events = b"[%s]" % b",".join(b'{"objectId":%s}' % record.encode() for record in about)
    return Delivery(key, *account, events, {"user-agent": "HubSpot"}, touches, len(about), 0, NOW, about)


def changed(record_id: str) -> Touch:
    """A touch of everyday."""
    return Touch("contact", record_id, TouchKind.CHANGED, 1_782_371_969_536, "CRM_UI:userId:1")


def mark(kept: Deliveries, state: str, *some: Delivery) -> None:
    """Move deliveries to a state, if there is one."""
    if state:
        kept.mark([one.key for one in some], state, target=None if state == "unroutable" else TARGET)


def events_of(kept: Deliveries, key: str) -> bytes:
    """The events that are left in a delivery."""
    document = kept.collection.find_one({"_id": key})
    assert document is not None
    return zstandard.decompress(document["events"])


@pytest.mark.parametrize("state", MARKED)
def test_an_erasure_reaches_a_delivery_in_every_state(kept: Deliveries, state: str) -> None:
    """Events about an erased record go from a delivery that waits to be routed as from any other, and no others do."""
    some = [
        delivery("touching", changed("1"), changed("2"), about=("1", "2", "1")),
        delivery("naming", changed("2"), about=("1", "2")),
        delivery("neither", changed("2"), about=("2",)),
        delivery("elsewhere", changed("1"), account=Account("hubspot", "70"), about=("1",)),
    ]
    kept.insert(some, NOW)
    mark(kept, state, *some)
    for _ in range(2):
        kept.remove_events(ACCOUNT, {"1"})
        assert events_of(kept, "touching") == events_of(kept, "naming") == b'[{"objectId":2}]'
        assert (events_of(kept, "neither"), events_of(kept, "elsewhere")) == (b'[{"objectId":2}]', b'[{"objectId":1}]')


@pytest.mark.parametrize("state", MARKED)
def test_a_merge_is_known_from_a_delivery_in_every_state(kept: Deliveries, state: str) -> None:
    """Deliveries that are not routed yet also say which records were merged into one."""
    lost = Touch("contact", "1", TouchKind.MERGED, None, "", "3")
    other = delivery("other", Touch("contact", "8", TouchKind.MERGED, None, "", "9"), changed("9"))
    some = [delivery("merge", lost, changed("3")), other]
    kept.insert(some, NOW)
    mark(kept, state, *some)
    (touches,) = filter(None, kept.removing_events(ACCOUNT, {"3"}))
    assert merged_into(touches, {"3"}) == {"1"}
    assert list(kept.removing_events(Account("hubspot", "70"), {"3"})) == []


def test_erasures_at_the_same_time_do_not_bring_each_others_events_back(kept: Deliveries) -> None:
    """Two people are in the same deliveries: whoever writes last has to know what the other one has removed."""
    some = [delivery(str(n), changed("1"), changed("2"), about=("1", "2", "3")) for n in range(20)]
    kept.insert(some, NOW)
    mark(kept, "routed", *some)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda record: kept.remove_events(ACCOUNT, {record}), ("1", "2")))
    assert {events_of(kept, one.key) for one in some} == {b'[{"objectId":3}]'}


def test_a_delivery_is_marked_once(kept: Deliveries) -> None:
    """Whoever comes second, with another conclusion, changes nothing."""
    sent = delivery("k", changed("1"))
    kept.insert([sent], NOW)
    mark(kept, "routed", sent)
    mark(kept, "unroutable", sent)
    (document,) = kept.collection.find()
    assert (document["state"], document["integration_id"]) == ("routed", "integration")
