"""Whatever makes work due says so: another lead-store, whose rounds take an hour, hands the work out at once."""

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any, NamedTuple

import grpc
import pytest
from integration.lead_store.matching import pick, twins
from integration.lead_store.test_conflicts import contested
from lead_store import bootstrap
from lead_store.settings import Settings, Timing
from lead_store_calls import INTEGRATION, TENANT, LeadStore, at, document, eventually, present, touch
from lead_store_moves import conflicts, delete, give_back, merge_leads, push, resolve
from leadsync.sync.v1 import conflict_service_pb2 as conflict_pb
from leadsync.sync.v1 import policy_pb2
from leadsync.sync.v1 import work_service_pb2 as work_pb

Two = tuple[LeadStore, LeadStore]
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def two(mongo_url: str) -> Iterator[Two]:
    """Two lead-stores on one database, which ask an integration without news once in an hour."""
    settings = Settings(
        mongo_url=mongo_url,
        identity_key=b"k" * 32,
        database=f"test_{uuid.uuid4().hex[:12]}",
        port=0,
        timing=Timing(lease=3 * HOUR, ask_each=HOUR),
    )
    with ExitStack() as stack:
        ports = [stack.enter_context(bootstrap.run(settings, threading.Event())) for _ in range(2)]
        channels = [stack.enter_context(grpc.insecure_channel(f"127.0.0.1:{port}")) for port in ports]
        one, other = (LeadStore(channel, mongo_url, settings.database) for channel in channels)
        yield one, other
        other.client.close()
        one.drop()


@pytest.fixture(autouse=True)
def emptied(two: Two) -> None:
    """Nothing is left of the test before."""
    for name in ("leads", "work_items", "deliveries", "decisions", "identities", "targets"):
        two[0].database[name].delete_many({})


class Move(NamedTuple):
    """A call, and what comes before it; the call gets what that gave."""

    prepare: Callable[[LeadStore], Any]
    call: Callable[[LeadStore, Any], object]


def linked(store: LeadStore) -> str:
    """A lead that is linked to a record, with nothing to do."""
    store.put_target()
    return store.import_contact("1", email="a@x.org")


def leased(store: LeadStore) -> Any:
    """The lease of a record."""
    store.put_target()
    store.deliver(touch("1"))
    return store.lease_one()


def failed(store: LeadStore) -> None:
    """Work that has failed."""
    give_back(store, leased(store), work_pb.RELEASE_KIND_FAILED)


def touched_meanwhile(store: LeadStore) -> Any:
    """A lease whose record has changed since."""
    lease = leased(store)
    version = document(store.database.work_items, lease.work_item_id)["version"]
    store.deliver(touch("1"))
    eventually(lambda: document(store.database.work_items, lease.work_item_id)["version"] > version)
    return lease


def two_leads(store: LeadStore) -> tuple[str, str]:
    """A linked lead and one that is not."""
    return linked(store), store.create(email="b@x.org").lead_id


def in_conflict(store: LeadStore) -> conflict_pb.Conflict:
    """An open conflict."""
    contested(store)
    (conflict,) = conflicts(store)
    return conflict


def redrive(store: LeadStore, _: Any) -> None:
    """Make failed work due."""
    request = work_pb.RequestSyncRequest(tenant_id=TENANT, integration_id=INTEGRATION, failed=True)
    store.work_stub.RequestSync(request, timeout=60)


MOVES = {
    "an event": Move(lambda store: store.put_target(), lambda store, _: store.deliver(touch("1"))),
    "a new lead": Move(lambda store: store.put_target(), lambda store, _: store.create(email="a@x.org")),
    "an edit": Move(linked, lambda store, lead_id: store.update(lead_id, phone="2")),
    "a deletion": Move(linked, delete),
    "a merge": Move(two_leads, lambda store, leads: merge_leads(store, *leads)),
    "a push": Move(linked, push),
    "a resolved conflict": Move(
        in_conflict, lambda store, conflict: resolve(store, conflict, take=conflict_pb.SIDE_PLATFORM)
    ),
    "a choice": Move(lambda store: twins(store)[2], pick),
    "changed rules": Move(
        linked,
        lambda store, _: store.put_target(revision=2, rules={"phone": {"rule": policy_pb2.MERGE_RULE_ASK}}),
    ),
    "a redrive": Move(failed, redrive),
    "a release": Move(leased, lambda store, lease: give_back(store, lease, work_pb.RELEASE_KIND_WAITING)),
    "a retry": Move(leased, lambda store, lease: give_back(store, lease, work_pb.RELEASE_KIND_RETRY, 1)),
    "a failure of what has changed": Move(
        touched_meanwhile, lambda store, lease: give_back(store, lease, work_pb.RELEASE_KIND_FAILED)
    ),
    "a decision on what has changed": Move(
        touched_meanwhile, lambda store, lease: store.reconcile(present(lease, at(0), email="a@x.org"))
    ),
    "a process that leaves": Move(leased, lambda store, _: store.lease(leaving=True)),
}


@pytest.mark.parametrize("name", MOVES)
def test_what_makes_work_due_says_so(two: Two, name: str) -> None:
    """The other lead-store has just found nothing, and knows of no time at which there will be work."""
    one, other = two
    given = MOVES[name].prepare(one)
    idle(one, other)
    MOVES[name].call(one, given)
    assert other.lease(wait=20).leases


def idle(one: LeadStore, other: LeadStore) -> None:
    """Lease what else is due, until the other has found nothing since the last news were noted."""
    before, news = -1, 0
    while news != before:
        before = news
        time.sleep(0.5)  # several notes long
        while other.lease(wait=0).leases:
            pass
        news = document(one.database.targets, INTEGRATION).get("news", 0)
