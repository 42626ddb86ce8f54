"""Deliveries are shown as soon as they are kept: those that wait for routing as well, to their tenant alone."""

import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from lead_store.bootstrap import build
from lead_store.domain.delivery import Delivery, DeliveryQuery, Touch, TouchKind
from lead_store.domain.rules import Account
from lead_store.mongo.client import connect
from lead_store.mongo.indexes import ensure_indexes
from lead_store.mongo.shown_deliveries import MOST_WAITING
from lead_store.mongo.store import Store
from lead_store.rpc.errors import ErrorInterceptor
from lead_store.settings import Settings
from lead_store.usecases.inbox import PAGE_BYTES
from lead_store.usecases.router import Router
from lead_store_calls import ACCOUNT, INTEGRATION, TENANT, LeadStore, at, present, stamp, touch
from leadsync.inbox.v1 import inbox_service_pb2 as inbox

KEY = b"k" * 32
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
OURS, THEIRS, OTHER_TENANT = Account("hubspot", ACCOUNT), Account("hubspot", "222"), "tenant-2"
NEW, ROUTED, IGNORED = inbox.DELIVERY_STATE_NEW, inbox.DELIVERY_STATE_ROUTED, inbox.DELIVERY_STATE_IGNORED


@dataclass(frozen=True, slots=True)
class Rig:
    """A lead-store whose router runs only when it is told to."""

    calls: LeadStore
    store: Store
    router: Router

    def keep(self, *keys: str, account: Account = OURS, records: tuple[str, ...] = ("1",)) -> None:
        """Keep deliveries; each was received a second after the one before, and is about the same records."""
        before = self.store.deliveries.collection.count_documents({})
        some = [delivery(key, before + n, account, records) for n, key in enumerate(keys)]
        self.store.deliveries.insert(some, self.store.now())

    def page(self, state: int = 0, tenant: str = TENANT, **more: Any) -> inbox.ListDeliveriesResponse:
        """A page of deliveries."""
        request = inbox.ListDeliveriesRequest(tenant_id=tenant, state=state, **more)  # type: ignore[arg-type]
        return self.calls.inbox.ListDeliveries(request, timeout=60)

    def keys(self, state: int = 0, tenant: str = TENANT, **more: Any) -> list[str]:
        """The keys of a page of deliveries."""
        return [one.delivery.delivery_key for one in self.page(state, tenant, **more).deliveries]

    def get(self, key: str, tenant: str = TENANT) -> inbox.KeptDelivery:
        """A delivery."""
        request = inbox.GetDeliveryRequest(tenant_id=tenant, delivery_key=key)
        return self.calls.inbox.GetDelivery(request, timeout=60).delivery

    def lead_of(self, record_id: str) -> str:
        """A new lead of a record; the delivery that brought it is kept no more."""
        self.calls.deliver(touch(record_id))
        self.router.route()
        (decision,) = self.calls.reconcile(present(self.calls.lease_one(), at(0), last_name="Lee"))
        self.store.deliveries.collection.delete_many({})
        return decision.lead_id


def delivery(key: str, second: int, account: Account = OURS, records: tuple[str, ...] = ("1",)) -> Delivery:
    """A delivery with an event about each of some records."""
    events = b"[%s]" % b",".join(b'{"objectId":%s}' % record.encode() for record in records)
    touches = tuple(Touch("contact", record, TouchKind.CHANGED) for record in records)
    received_at = NOW + timedelta(seconds=second)
    return Delivery(key, *account, events, {}, touches, len(records), 0, received_at, records)


@pytest.fixture
def rig(mongo_url: str) -> Iterator[Rig]:
    """It has an integration of the tenant, and one of another tenant."""
    settings = Settings(mongo_url=mongo_url, identity_key=KEY, database=f"test_{uuid.uuid4().hex[:12]}")
    server = grpc.server(ThreadPoolExecutor(4), interceptors=[ErrorInterceptor()])
    with connect(mongo_url) as client:
        store = Store.of(client, settings.database, KEY)
        ensure_indexes(store.database)
        built = build(store, settings, threading.Event())
        built.served.add_to(server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            calls = LeadStore(channel, mongo_url, settings.database)
            calls.put_target()
            calls.put_target("integration-2", account_id=THEIRS.account_id, tenant_id=OTHER_TENANT)
            yield Rig(calls, store, built.router)
        server.stop(None).wait()
        calls.drop()


def test_a_delivery_that_waits_for_routing_is_shown_as_new(rig: Rig) -> None:
    """It is in the list with `new`, in the list of all and found by its key; once it is routed it is so as routed."""
    rig.calls.deliver(touch("7"), key="k", raw=b'[{"objectId":7}]', events=1)
    for state in (NEW, 0):
        (shown,) = rig.page(state).deliveries
        assert shown == rig.get("k")
        assert (shown.state, shown.reason, shown.integration_id) == (NEW, "", INTEGRATION)
        assert (shown.delivery.events, shown.delivery.account_id) == (b'[{"objectId":7}]', ACCOUNT)
        assert [one.record_id for one in shown.delivery.touches] == ["7"]
    assert rig.keys(ROUTED) == rig.keys(IGNORED) == []
    rig.router.route()
    for state in (ROUTED, 0):
        (shown,) = rig.page(state).deliveries
        assert shown == rig.get("k")
        assert (shown.state, shown.integration_id) == (ROUTED, INTEGRATION)
    assert rig.keys(NEW) == []


def test_a_waiting_delivery_is_shown_to_its_own_tenant_alone(rig: Rig) -> None:
    """One of another tenant's account is not there, whatever is asked for, even for that tenant's integration."""
    rig.keep("ours")
    rig.keep("theirs", account=THEIRS)
    for state in (NEW, 0):
        assert rig.keys(state) == ["ours"]
        assert rig.keys(state, record_id="1") == ["ours"]
        assert rig.keys(state, OTHER_TENANT) == ["theirs"]
        assert rig.keys(state, integration_id="integration-2") == []
    assert rig.get("theirs", OTHER_TENANT).integration_id == "integration-2"
    with pytest.raises(grpc.RpcError, match="no delivery"):
        rig.get("theirs")


def test_a_delivery_without_an_integration_is_nobodys(rig: Rig) -> None:
    """Neither while it waits for routing nor as unroutable is it shown, until an integration of its account appears."""
    rig.keep("lost", account=Account("hubspot", "333"))
    for routed in (False, True):
        if routed:
            rig.router.route()
        assert rig.keys(NEW) == rig.keys() == rig.keys(0, OTHER_TENANT) == []
        with pytest.raises(grpc.RpcError, match="no delivery"):
            rig.get("lost")
    rig.calls.put_target("integration-3", account_id="333")
    (shown,) = rig.page(NEW).deliveries
    assert (shown.delivery.delivery_key, shown.reason, shown.integration_id) == ("lost", "", "integration-3")


def test_a_delivery_is_shown_as_it_came(rig: Rig) -> None:
    """What was recorded is what is found, by tenant and by each of the records that it is about, routed or not."""
    touches = (Touch("contact", "1", TouchKind.CHANGED), Touch("contact", "2", TouchKind.ERASED))
    sent = delivery("k", 0)._replace(touches=touches, event_record_ids=("1", "5", ""), event_count=3)
    rig.store.deliveries.insert([sent], NOW)
    for state in ("new", "routed"):
        for record_ids in (None, ("1",), ("2",), ("5",)):
            (shown,) = rig.store.shown_deliveries.page(DeliveryQuery(TENANT, record_ids=record_ids), None, 10)
            assert (shown.delivery, shown.state, shown.integration_id) == (sent, state, INTEGRATION)
        assert list(rig.store.shown_deliveries.page(DeliveryQuery(TENANT, record_ids=("3",)), None, 10)) == []
        rig.router.route()


@pytest.mark.parametrize("routed", [False, True], ids=["waiting", "routed"])
def test_every_filter_holds_for_a_delivery_that_waits_as_for_others(rig: Rig, routed: bool) -> None:
    """Integration, record, lead and received window choose the same deliveries before routing and after it."""
    lead = rig.lead_of("3")
    rig.calls.put_target("integration-3", account_id="333")
    rig.keep("a", records=("1", "2"))
    rig.keep("b", account=Account("hubspot", "333"))
    rig.keep("c", records=("3",))
    if routed:
        rig.router.route()

    for state in (0, ROUTED if routed else NEW):
        assert rig.keys(state) == ["c", "b", "a"]
        assert rig.keys(state, integration_id=INTEGRATION) == ["c", "a"]
        assert rig.keys(state, record_id="1") == ["b", "a"]
        assert rig.keys(state, record_id="2") == ["a"]
        assert rig.keys(state, record_id="9") == []
        assert rig.keys(state, lead_id=lead) == ["c"]
        assert rig.keys(state, lead_id=lead, record_id="1") == []
        assert rig.keys(state, lead_id="unknown") == []
        second = [stamp(NOW + timedelta(seconds=n)) for n in range(3)]
        assert rig.keys(state, received_after=second[1]) == ["c", "b"]
        assert rig.keys(state, received_after=stamp(datetime.min.replace(tzinfo=UTC))) == ["c", "b", "a"]
        assert rig.keys(state, received_before=second[1]) == ["a"]
        assert rig.keys(state, received_after=second[1], received_before=second[2]) == ["b"]


def test_pages_go_through_waiting_and_routed_deliveries_in_the_order_of_time(rig: Rig) -> None:
    """Each comes once, newest first, also where those received at one moment are of both kinds."""
    expected = []
    for n in range(6):
        rig.store.deliveries.insert([delivery(f"routed-{n}", n // 2)], rig.store.now())
        expected.append((n // 2, f"routed-{n}"))
    rig.router.route()
    for n in range(6):
        rig.store.deliveries.insert([delivery(f"waits-{n}", n // 2)], rig.store.now())
        expected.append((n // 2, f"waits-{n}"))
    keys = [key for _, key in sorted(expected, reverse=True)]
    for size in (1, 5, 12):
        assert pages(rig, 0, size) == keys
    assert pages(rig, NEW, 2) == [key for key in keys if key.startswith("waits")]


def pages(rig: Rig, state: int, size: int) -> list[str]:
    """The keys of all pages, in order."""
    found: list[str] = []
    token, more = "", True
    while more:
        page = rig.page(state, page_size=size, page_token=token)
        assert len(page.deliveries) <= size
        found += [one.delivery.delivery_key for one in page.deliveries]
        token = page.next_page_token
        more = bool(token)
    return found


def test_a_delivery_that_is_routed_between_two_pages_is_shown_once(rig: Rig) -> None:
    """Its place in the list stays the same."""
    rig.keep("a", "b", "c", "d")
    first = rig.page(page_size=2)
    rig.router.route()
    second = rig.page(page_size=2, page_token=first.next_page_token)
    assert [one.delivery.delivery_key for page in (first, second) for one in page.deliveries] == ["d", "c", "b", "a"]
    assert {one.state for one in second.deliveries} == {ROUTED}


@pytest.mark.parametrize("read", [0, 1, 15], ids=["none", "one", "some"])
def test_a_delivery_that_is_routed_while_the_list_is_read_is_shown_once(rig: Rig, read: int) -> None:
    """Whether those that wait were just looked for or some were read already, none is missed and none comes twice."""
    keys = [f"{n:02}" for n in range(24)]
    rig.keep(*keys[:12])
    rig.router.route()
    rig.keep(*keys[12:])
    found = rig.store.shown_deliveries.page(DeliveryQuery(TENANT), None, 50)
    shown = [next(found) for _ in range(read)]
    rig.router.route()
    shown += found
    assert [one.delivery.key for one in shown] == keys[::-1]
    assert {one.integration_id for one in shown} == {INTEGRATION}
    assert "routed" in {one.state for one in shown}


def test_what_is_routed_while_the_list_of_new_ones_is_read_is_not_new(rig: Rig) -> None:
    """Who asks for `new` gets no delivery in another state."""
    rig.keep("a", "b")
    found = rig.store.shown_deliveries.page(DeliveryQuery(TENANT, state="new"), None, 50)
    rig.router.route()
    assert list(found) == []


def test_what_becomes_anothers_while_the_list_is_read_is_not_shown(rig: Rig) -> None:
    """The account of a delivery that waits goes to another tenant, which gets the delivery when it is routed."""
    rig.keep("a")
    found = rig.store.shown_deliveries.page(DeliveryQuery(TENANT), None, 50)
    rig.store.targets.remove(TENANT, INTEGRATION)
    rig.calls.put_target("integration-3", tenant_id=OTHER_TENANT)
    rig.router.route()
    assert list(found) == []
    assert rig.keys(0, OTHER_TENANT) == ["a"]


def test_r17_a_delivery_that_waits_shows_no_event_about_an_erased_person(rig: Rig) -> None:
    """Routing will remove such events; until then they are left out of what is shown."""
    rig.keep("k", records=("7", "8"))
    rig.keep("unknown", records=())
    rig.store.transact(lambda session: rig.store.tombstones.add_records(TENANT, INTEGRATION, ["7"], session))
    events = b'[{"objectId":8}]'
    assert rig.get("k").delivery.events == events
    assert [one.delivery.events for one in rig.page(NEW).deliveries] == [b"[]", events]
    rig.router.route()
    assert rig.get("k").delivery.events == events


def test_the_newest_waiting_deliveries_of_a_flood_are_shown(rig: Rig) -> None:
    """Of an account's, so many are looked at and no more, and a page of large ones ends early."""
    some = [delivery(str(n), n) for n in range(MOST_WAITING + 20)]
    for n in range(0, len(some), 500):
        rig.store.deliveries.insert(some[n : n + 500], NOW + timedelta(seconds=n))
    assert len(pages(rig, NEW, 200)) == MOST_WAITING
    assert rig.keys(NEW, page_size=3) == [str(MOST_WAITING + 20 - n) for n in (1, 2, 3)]
    large = [delivery(f"large-{n}", 10_000 + n)._replace(events=b"x" * (PAGE_BYTES * 3 // 4)) for n in range(5)]
    rig.store.deliveries.insert(large, NOW + timedelta(days=1))
    assert rig.keys(NEW, page_size=200) == ["large-4", "large-3"]
