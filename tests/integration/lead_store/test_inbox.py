"""The inbox: what is acknowledged is kept, once, and becomes work."""

import threading

import grpc
import pymongo
import pytest
from lead_store.mongo.store import Store
from lead_store.usecases.arrivals import Arrivals
from lead_store.usecases.router import LOOK_FROM, Router
from lead_store.usecases.work_signal import WorkSignal
from lead_store_calls import ACCOUNT, INTEGRATION, LeadStore, at, document, eventually, present, touch


def state_of(store: LeadStore, key: str) -> str:
    """The state of a delivery."""
    delivery = store.database.deliveries.find_one({"_id": key})
    assert delivery is not None
    return str(delivery["state"])


def test_a_repeated_delivery_is_kept_once(lead_store: LeadStore) -> None:
    """The same key again is a duplicate; its events count once."""
    lead_store.put_target()
    assert lead_store.deliver(touch("1"), key="k", events=3) is False
    assert lead_store.deliver(touch("1"), key="k", events=3) is True
    eventually(lambda: state_of(lead_store, "k") == "routed")
    assert lead_store.status().total_received == 3


def test_a_delivery_of_an_unknown_account_waits_for_its_integration(lead_store: LeadStore) -> None:
    """It is kept as unroutable, no tenant sees it, and it becomes work when the target appears."""
    lead_store.deliver(touch("1"), key="k")
    eventually(lambda: state_of(lead_store, "k") == "unroutable")
    assert document(lead_store.database.deliveries, "k")["tenant_id"] == ""
    lead_store.put_target()
    assert lead_store.lease_one(wait=10).record_id == "1"
    eventually(lambda: state_of(lead_store, "k") == "routed")


def test_deliveries_of_a_disabled_integration_are_kept_and_ignored(lead_store: LeadStore) -> None:
    """With webhooks disabled a delivery makes no work and says why."""
    lead_store.put_target(webhooks_enabled=False)
    lead_store.deliver(touch("1"), key="k")
    eventually(lambda: state_of(lead_store, "k") == "ignored")
    assert document(lead_store.database.deliveries, "k")["reason"] == "webhooks_disabled"
    assert lead_store.lease(wait=0).leases == []


def test_a_delivery_without_touches_is_kept_and_counted(lead_store: LeadStore) -> None:
    """Events of a kind that is not synced make no work, and are still received."""
    lead_store.put_target()
    lead_store.deliver(key="k", events=2)
    eventually(lambda: state_of(lead_store, "k") == "routed")
    assert lead_store.status().total_received == 2
    assert lead_store.lease(wait=0).leases == []


def test_thousands_of_events_on_one_record_are_one_work_item(lead_store: LeadStore) -> None:
    """However many events touch a record, it is read once."""
    lead_store.put_target()
    for _ in range(30):
        lead_store.deliver(*(touch("1") for _ in range(100)), events=100)
    eventually(lambda: lead_store.status().total_received == 3000)
    assert len(lead_store.lease().leases) == 1


def test_an_event_during_a_lease_makes_the_work_item_due_again(lead_store: LeadStore) -> None:
    """A touch that comes while the record is being worked on is not lost when that work ends."""
    lead_store.put_target()
    lead_store.deliver(touch("1"))
    lease = lead_store.lease_one()
    lead_store.deliver(touch("1"), key="late")
    eventually(lambda: state_of(lead_store, "late") == "routed")
    lead_store.reconcile(present(lease, at(0), email="a@x.org"))
    assert lead_store.lease_one().record_id == "1"


def versions(store: LeadStore) -> dict[str, int]:
    """How often each record's work item was touched."""
    return {work_item["record_id"]: work_item["version"] for work_item in store.database.work_items.find()}


def test_a_flood_touches_waiting_work_items_only_with_news(lead_store: LeadStore) -> None:
    """A work item that is due is not touched again by the same word; one that is leased, or by another author, is."""
    lead_store.put_target()
    records = [str(number) for number in range(LOOK_FROM + 50)]

    def flood(key: str, source: str = "CRM_UI") -> None:
        lead_store.deliver(*(touch(record, source=source) for record in records), key=key)
        eventually(lambda: state_of(lead_store, key) == "routed")

    flood("first")
    flood("again")
    assert set(versions(lead_store).values()) == {1}
    leased = {lease.record_id for lease in lead_store.lease().leases}
    flood("while some are being read")
    assert versions(lead_store) == {record: 2 if record in leased else 1 for record in records}
    flood("by a workflow", "AUTOMATION_PLATFORM")
    assert versions(lead_store) == {record: 3 if record in leased else 2 for record in records}


def test_routing_twice_is_harmless_and_heals_a_crash(lead_store: LeadStore, mongo_url: str) -> None:
    """Deliveries that a crash left unrouted are routed; a second router on the same ones counts nothing twice."""
    lead_store.put_target()
    lead_store.deliver(touch("1"), key="k", events=5)
    eventually(lambda: state_of(lead_store, "k") == "routed")
    lead_store.reconcile(present(lead_store.lease_one(), at(0), email="a@x.org"))
    lead_store.deliver(touch("2"), key="m", events=7)
    eventually(lambda: state_of(lead_store, "m") == "routed")
    lead_store.database.work_items.delete_one({"_id": f"{INTEGRATION}/record/2"})
    lead_store.database.deliveries.update_one({"_id": "m"}, {"$set": {"state": "new"}})
    client: pymongo.MongoClient[dict[str, object]] = pymongo.MongoClient(mongo_url, tz_aware=True)
    try:
        store = Store.of(client, lead_store.database.name, b"k" * 32)
        routers = [Router(store, WorkSignal(), Arrivals()) for _ in range(2)]
        threads = [threading.Thread(target=router.route) for router in routers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        client.close()
    assert [lease.record_id for lease in lead_store.lease().leases] == ["2"]
    assert lead_store.status().total_received == 5 + 7 + 7  # the one that was made new again by hand, no more


def test_deliveries_go_only_to_the_integration_of_their_account(lead_store: LeadStore) -> None:
    """Another account's delivery makes no work for this integration (L9)."""
    lead_store.put_target()
    lead_store.put_target("integration-2", account_id="222", tenant_id="tenant-2")
    lead_store.deliver(touch("1"), account="222")
    lease = lead_store.lease()
    assert (lease.integration_id, len(lease.leases)) == ("integration-2", 1)
    assert lead_store.status().total_received == 0
    assert ACCOUNT != "222"


def test_an_id_with_a_line_break_is_refused(lead_store: LeadStore) -> None:
    """Ids are filed line by line, so an erasure would miss one that has two."""
    with pytest.raises(grpc.RpcError, match="line break"):
        lead_store.deliver(touch("1"), records=["1\n2"], key="k")
    assert lead_store.database.deliveries.find_one({"_id": "k"}) is None
