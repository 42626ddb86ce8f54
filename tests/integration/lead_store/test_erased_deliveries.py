"""Events about an erased person go from the inbox after the transaction that erases, whatever happens (L11, R17)."""

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
import zstandard
from lead_store.domain.rules import Account
from lead_store.mongo.client import connect
from lead_store.mongo.store import Store
from lead_store.usecases.stripping import Strip
from lead_store.usecases.work_signal import WorkSignal
from lead_store_calls import ACCOUNT, INTEGRATION, TENANT, LeadStore, absent, document, eventually, running, touch
from lead_store_moves import lease_of, minute_later
from leadsync.inbox.v1 import inbox_service_pb2 as inbox
from leadsync.sync.v1 import sync_pb2
from leadsync.sync.v1 import work_service_pb2 as work_pb
from mongo_faults import refused
from mongo_proxy import MongoProxy

SENT = [f"sent-{n}" for n in range(3)]
RECORDS = {Account("hubspot", ACCOUNT): {"1"}}


@pytest.fixture
def store(proxy: MongoProxy, mongo_url: str) -> Iterator[LeadStore]:
    """A lead-store behind the hop."""
    with running(proxy.url, looked_at=mongo_url) as store:
        yield store


def delivered(store: LeadStore) -> None:
    """Deliveries about a lead's record, with values of the person."""
    store.put_target()
    store.import_contact("1", email="a@x.org")
    for key in SENT:
        store.deliver(touch("1"), key=key, raw=b'[{"objectId":1,"propertyValue":"secret"}]', records=["1"])
    eventually(lambda: store.database.deliveries.count_documents({"_id": {"$in": SENT}, "state": "routed"}) == 3)


def erase(store: LeadStore) -> None:
    """Let the CRM report the person's erasure, and find the record gone twice."""
    store.deliver(touch("1", inbox.TOUCH_KIND_ERASED), key="erased")
    eventually(lambda: document(store.database.deliveries, "erased")["state"] == "routed")
    lease = lease_of(store, "1")
    store.reconcile(absent(lease))
    (decision,) = store.reconcile(absent(minute_later(store, lease.work_item_id)))
    assert decision.outcome == sync_pb2.OUTCOME_ERASED


def left(store: LeadStore) -> int:
    """How many deliveries still hold the person's values."""
    kept = store.database.deliveries.find({"_id": {"$in": SENT}})
    return sum(b"secret" in zstandard.decompress(one["events"]) for one in kept)


def test_an_erasure_changes_no_delivery_in_its_transaction(store: LeadStore, proxy: MongoProxy) -> None:
    """However many there are, the transaction stays as small; when the call ends they are stripped all the same."""
    delivered(store)
    proxy.seen = []
    erase(store)
    seen, proxy.seen = proxy.seen, None
    transactions: dict[object, set[tuple[str, object]]] = {}
    for one in seen:
        if one.get("autocommit") is False:
            number = one["lsid"]["id"], one["txnNumber"]
            transactions.setdefault(number, set()).add(next(iter(one.items())))
    (erasing,) = (one for one in transactions.values() if ("delete", "leads") in one)
    assert "deliveries" not in {collection for _, collection in erasing}
    assert (left(store), store.database.erasures.count_documents({})) == (0, 0)


def test_l11_events_that_could_not_be_removed_at_once_are_removed_later(store: LeadStore, proxy: MongoProxy) -> None:
    """The database fails right after the erasure: the person is erased, and what is left goes once it can."""
    delivered(store)
    injection = proxy.inject(refused(11601), "find", "erasures", times=1_000)
    erase(store)
    assert store.all_leads() == []
    assert injection.hits > 0
    assert (left(store), store.database.erasures.count_documents({})) == (3, 1)
    proxy.clear()
    eventually(lambda: store.database.erasures.count_documents({}) == 0)
    assert left(store) == 0


def test_l11_another_process_finishes_what_a_killed_one_has_left(mongo_url: str) -> None:
    """A process that was killed after its transaction leaves an entry; any process that starts goes on with it.

    A record that was merged into the erased one, unseen, becomes due as well.
    """
    with running(mongo_url) as store:
        delivered(store)
        lost = inbox.Touch(object_type="contact", record_id="8", kind=inbox.TOUCH_KIND_MERGED, into_record_id="1")
        store.deliver(lost, touch("1"), key="merge", records=["8"])
        eventually(lambda: document(store.database.deliveries, "merge")["state"] == "routed")
        store.database.work_items.delete_many({})
        with connect(mongo_url) as client:
            killed = Store.of(client, store.database.name, b"k" * 32)
            killed.transact(partial(killed.erasures.add, TENANT, INTEGRATION, RECORDS))
        with running(mongo_url, database=store.database.name):
            eventually(lambda: store.database.erasures.count_documents({}) == 0)
            assert left(store) == 0
            assert [one.record_id for one in store.work(work_pb.WORK_STATE_DUE)] == ["8"]


def test_l11_finishing_twice_or_in_two_processes_is_harmless(store: LeadStore, mongo_url: str) -> None:
    """Each finds the same entry; the events are gone once, and the entry too."""
    delivered(store)
    with connect(mongo_url) as client:
        name = store.database.name
        stores = [Store.of(client, name, b"k" * 32, process=uuid.uuid4().hex) for _ in range(2)]
        for _ in range(2):
            stores[0].transact(partial(stores[0].erasures.add, TENANT, INTEGRATION, RECORDS))
            with ThreadPoolExecutor(2) as pool:
                list(pool.map(lambda one: Strip(one, WorkSignal()).finish(lambda: False), stores))
            assert (left(store), stores[0].erasures.unfinished()) == (0, [])
