"""Each main call, while the database's answers are replaced by those of members that change, and connections break.

Acknowledged means stored once, refused means nothing half, and the next try works.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import grpc
import pytest
from lead_store_calls import LeadStore, absent, at, counters_of, done, eventually, present, running, touch
from lead_store_moves import refusal
from leadsync.inbox.v1 import inbox_service_pb2 as inbox
from leadsync.lead.v1 import lead_service_pb2
from leadsync.sync.v1 import sync_pb2
from leadsync.sync.v1 import work_service_pb2 as work_pb
from mongo_faults import NO_ANSWER, NO_CALL, RETRYABLE, TRANSIENT, UNKNOWN, failed_write, refused, unconfirmed
from mongo_proxy import Fault, Injection, MongoProxy

Place = tuple[str, str]
EMAIL = "ada@example.com"
ON_WRITES = (
    *(NO_CALL, NO_ANSWER, unconfirmed(64), unconfirmed(11602), refused(10107, RETRYABLE), refused(189, RETRYABLE)),
    *(refused(11601), refused(262, RETRYABLE), refused(13), refused(18)),
)
IN_TRANSACTIONS = (
    *(NO_CALL, NO_ANSWER, refused(10107, TRANSIENT), refused(11602, TRANSIENT), refused(112, TRANSIENT)),
    *(refused(251, TRANSIENT), refused(290), refused(11601), refused(13)),
)
ON_COMMIT = (
    *(NO_CALL, NO_ANSWER, unconfirmed(64), unconfirmed(11602), refused(10107), refused(91, UNKNOWN)),
    *(refused(251, TRANSIENT), refused(112, TRANSIENT), refused(13)),
)


@dataclass(frozen=True, slots=True)
class Move:
    """A call: where faults meet it, what comes before it, and what is stored once it is done."""

    write: Place
    faults: tuple[Fault, ...]
    prepare: Callable[[LeadStore], Any]
    call: Callable[[LeadStore, Any], object]
    stored: Callable[[LeadStore], object]
    commits: bool = True

    def tries(self) -> Iterator[tuple[Fault, Place]]:
        """Each fault at each place."""
        yield from ((fault, self.write) for fault in self.faults)
        if self.commits:
            yield from ((fault, ("commitTransaction", "")) for fault in ON_COMMIT)


def leads_and_decisions(store: LeadStore) -> object:
    """Every lead with its links, every decision, what is due, and what has been counted."""
    leads = [
        (one["values"], [(link["record_id"], bool(link["pending"])) for link in one["links"]], one["revision"])
        for one in store.database.leads.find()
    ]
    counted = {name: n for name, n in counters_of(store).items() if name != "last_received_at"}
    decided = sorted((one["outcome"], one["reason"]) for one in store.database.decisions.find())
    items = sorted((bool(one.get("due_at")), one["worker"], one["version"]) for one in store.database.work_items.find())
    return leads, counted, decided, items


def deliver(store: LeadStore, _: Any) -> None:
    """Record the same delivery as ever."""
    store.deliver(touch("1"), key="a")


def arrived(store: LeadStore) -> sync_pb2.Lease:
    """A record that was touched, leased, with nothing left to route."""
    due(store, None)
    return store.lease_one()


def due(store: LeadStore, _: Any = None) -> None:
    """A record that was touched, with nothing left to route."""
    store.deliver(touch("1", inbox.TOUCH_KIND_CREATED), key="a")
    eventually(lambda: store.database.deliveries.count_documents({"state": "routed"}) == 1)


def lease(store: LeadStore, _: Any) -> None:
    """Lease what is due; what somebody has leased who never heard of it is due once the lease has ended."""
    if not store.lease(wait=0).leases:
        (item,) = store.database.work_items.find()
        assert item["worker"], "neither leased nor due"
        store.expire_lease(item["_id"])
        assert store.lease(wait=0).leases


def written(store: LeadStore) -> tuple[sync_pb2.Lease, sync_pb2.Write]:
    """A lead whose record is to be created."""
    store.create(email=EMAIL)
    lease = store.lease_one()
    (decision,) = store.reconcile(absent(lease))
    return lease, decision.write


def release(store: LeadStore, lease: sync_pb2.Lease) -> None:
    """End a lease without a decision."""
    waits = work_pb.Release(
        work_item_id=lease.work_item_id, fence=lease.fence, kind=work_pb.RELEASE_KIND_WAITING, reason="crm_error"
    )
    store.work_stub.ReleaseWork(work_pb.ReleaseWorkRequest(worker_id="worker-1", releases=[waits]), timeout=60)


def leased(store: LeadStore) -> object:
    """Who works on the work items."""
    return [one["worker"] for one in store.database.work_items.find()]


def code_of(call: Callable[[], object]) -> grpc.StatusCode:
    """How a call ends."""
    try:
        call()
    except grpc.RpcError as error:
        code: grpc.StatusCode = error.code()
        return code
    return grpc.StatusCode.OK


MOVES = {
    "create a lead": Move(
        ("insert", "leads"),
        IN_TRANSACTIONS,
        lambda _: None,
        lambda store, _: store.create(email=EMAIL, request_id="r"),
        leads_and_decisions,
    ),
    "update a lead": Move(
        ("update", "leads"),
        IN_TRANSACTIONS,
        lambda store: store.create(email=EMAIL).lead_id,
        lambda store, lead_id: store.update(lead_id, first_name="Ada"),
        leads_and_decisions,
    ),
    "record a delivery": Move(
        ("insert", "deliveries"),
        (*ON_WRITES, failed_write(11602)),
        lambda _: None,
        deliver,
        lambda store: [one["_id"] for one in store.database.deliveries.find()],
        commits=False,
    ),
    "lease work": Move(("update", "work_items"), IN_TRANSACTIONS, due, lease, leased),
    "decide": Move(
        ("insert", "decisions"),
        IN_TRANSACTIONS,
        arrived,
        lambda store, lease: store.reconcile(present(lease, at(1), email=EMAIL)),
        leads_and_decisions,
    ),
    "settle a write": Move(
        ("update", "leads"),
        IN_TRANSACTIONS,
        written,
        lambda store, of: store.settle(of[0], of[1], done("7", at(2), email=EMAIL)),
        leads_and_decisions,
    ),
    "give work back": Move(("update", "work_items"), ON_WRITES, arrived, release, leased, commits=False),
    "connect an account": Move(
        ("update", "targets"),
        ON_WRITES,
        lambda _: None,
        lambda store, _: store.put_target(revision=2),
        lambda store: [one["revision"] for one in store.database.targets.find()],
        commits=False,
    ),
}


@pytest.fixture
def store(proxy: MongoProxy, mongo_url: str) -> Iterator[LeadStore]:
    """A lead-store behind the hop. The test looks into its database without the hop."""
    with running(proxy.url, looked_at=mongo_url) as store:
        yield store


def emptied(store: LeadStore) -> LeadStore:
    """The store with nothing but a target."""
    for name in ("leads", "requests", "deliveries", "work_items", "decisions", "counters", "identities", "targets"):
        store.database[name].delete_many({})
    store.put_target()
    return store


@pytest.mark.parametrize("name", MOVES)
def test_acknowledged_is_stored_once_and_refused_is_nothing_half(
    name: str, store: LeadStore, proxy: MongoProxy
) -> None:
    """Whatever the database answers, a call is done whole or not at all, says which, and can be made again."""
    move = MOVES[name]
    prepared = move.prepare(emptied(store))
    before = move.stored(store)
    move.call(store, prepared)
    after = move.stored(store)
    assert before != after
    for fault, (command, collection) in move.tries():
        where = f"{name}: {fault.name} at {command}"
        prepared = move.prepare(emptied(store))
        injection = proxy.inject(fault, command, collection)
        code = code_of(partial(move.call, store, prepared))
        assert code in {grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE}, where
        assert move.stored(store) in ((after,) if code is grpc.StatusCode.OK else (before, after)), where
        assert injection.hits == 1, where
        proxy.clear()
        move.call(store, prepared)
        assert move.stored(store) == after, where


def test_l10_what_no_majority_has_confirmed_is_not_acknowledged(store: LeadStore, proxy: MongoProxy) -> None:
    """A delivery is refused for it, and the next try, which finds it there, is refused until one has."""
    emptied(store)
    injection = proxy.inject(unconfirmed(64), "insert", "deliveries", times=2)
    for _ in range(2):
        assert refusal(lambda: deliver(store, None))[:2] == (grpc.StatusCode.UNAVAILABLE, "store_unavailable")
    assert injection.hits == 2
    assert store.deliver(touch("1"), key="a"), "it was there already"


@pytest.mark.parametrize(("fault", "reason"), [(failed_write(10334), "cannot_be_stored"), (refused(96), "")])
def test_only_an_error_of_the_document_fails_its_record(
    store: LeadStore, proxy: MongoProxy, fault: Fault, reason: str
) -> None:
    """A lead that is too large fails and an unknown error waits; the other record of the batch is decided."""
    emptied(store)
    store.deliver(*(touch(record, inbox.TOUCH_KIND_CREATED) for record in "12"))
    eventually(lambda: len(store.work(work_pb.WORK_STATE_DUE)) == 2)
    leases = store.lease().leases
    proxy.inject(fault, "insert", "leads", times=2)  # of both, and of the first alone
    decisions = store.reconcile(*(present(one, at(1), email=f"{one.record_id}@x.org") for one in leases))
    assert [bool(decision.lead_id) for decision in decisions] == [False, True]
    assert [one.reason for one in store.work(work_pb.WORK_STATE_FAILED)] == ([reason] if reason else [])
    waiting = [one.reason for one in store.work(work_pb.WORK_STATE_DUE)]
    assert waiting == ([] if reason else ["store_unavailable"])
    proxy.clear()
    if not reason:
        store.expire_lease(leases[0].work_item_id)
        (decision,) = store.reconcile(present(store.lease_one(), at(1), email="1@x.org"))
        assert decision.lead_id
    assert store.database.leads.count_documents({}) == (1 if reason else 2)


def _hit(injection: Injection) -> bool:
    return injection.hits > 0


def test_a_watch_ends_with_a_reason(store: LeadStore, proxy: MongoProxy) -> None:
    """A lost history is OUT_OF_RANGE, anything that passes UNAVAILABLE; another watch goes on from the last token."""
    emptied(store)

    def opened(token: str = "") -> Any:
        request = lead_service_pb2.WatchLeadsRequest(tenant_id="tenant-1", resume_token=token)
        return store.leads.WatchLeads(request, timeout=120)

    stream = opened()
    token = next(stream).resume_token
    for fault, code in (
        (refused(286), grpc.StatusCode.OUT_OF_RANGE),
        (refused(13), grpc.StatusCode.UNAVAILABLE),
    ):
        proxy.inject(fault, "getMore", "leads")
        with pytest.raises(grpc.RpcError) as ended:
            list(stream)
        assert isinstance(ended.value, grpc.Call)
        assert ended.value.code() is code, fault.name
        stream = opened(token)
    lead = store.create(email=EMAIL)
    for fault in (refused(43, "ResumableChangeStreamError"), refused(10107, "ResumableChangeStreamError"), NO_ANSWER):
        eventually(partial(_hit, proxy.inject(fault, "getMore", "leads")))
    assert next(one.lead.lead_id for one in stream if one.lead.lead_id) == lead.lead_id
