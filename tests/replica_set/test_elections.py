"""A primary that steps down under load, on a real MongoDB. Only `make test-mongo` runs these."""

import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pymongo
import pytest
from lead_store_calls import LeadStore, at, eventually, present, running, touch
from leadsync.inbox.v1 import inbox_service_pb2 as inbox
from leadsync.sync.v1 import work_service_pb2 as work_pb
from pymongo.errors import AutoReconnect, OperationFailure

STEP_DOWN_SECONDS = 5


@pytest.fixture
def store(mongo_url: str) -> Iterator[LeadStore]:
    """A lead-store with one integration on a replica set."""
    client: pymongo.MongoClient[dict[str, Any]]
    with pymongo.MongoClient(mongo_url) as client:
        if "secantusVersion" in client.admin.command("buildInfo"):
            pytest.skip("the embedded server has no members that could change their roles")
    with running(mongo_url) as store:
        store.put_target()
        yield store


def step_down(mongo_url: str) -> None:
    """Let the primary give up its role; with a single member it takes it again afterwards."""
    client: pymongo.MongoClient[dict[str, Any]]
    with pymongo.MongoClient(mongo_url) as client:
        try:
            client.admin.command("replSetStepDown", STEP_DOWN_SECONDS, secondaryCatchUpPeriodSecs=0, force=True)
        except AutoReconnect:  # it may close its connections before it answers
            return


def until_taken(call: Any) -> Any:
    """Make a call again until it is not refused as unavailable; answers what it gave."""

    def taken() -> Any:
        try:
            return call(), True
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.UNAVAILABLE:
                raise
            return None

    return eventually(taken, within=120)[0]


def test_an_election_loses_and_doubles_nothing(store: LeadStore, mongo_url: str) -> None:
    """Leads and deliveries that were acknowledged while the primary stepped down are there, each once."""
    names, half = [uuid.uuid4().hex for _ in range(200)], threading.Event()

    def make(number: int) -> None:
        if number == len(names) // 2:
            half.set()
        name = names[number]
        until_taken(lambda: store.create(request_id=name, last_name=name))
        until_taken(lambda: store.deliver(touch(name, inbox.TOUCH_KIND_CREATED), key=name))

    with ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(make, number) for number in range(len(names))]
        assert half.wait(120)
        step_down(mongo_url)
        for call in calls:
            call.result()
    made = [one["values"]["last_name"] for one in store.database.leads.find()]
    assert sorted(made) == sorted(names)
    assert {one["_id"] for one in store.database.deliveries.find({}, {"_id": 1})} == set(names)


def test_an_election_fails_no_record(store: LeadStore, mongo_url: str) -> None:
    """Each record that is decided while the primary steps down becomes one lead, and none fails."""
    records = [str(number) for number in range(60)]
    store.deliver(*(touch(record, inbox.TOUCH_KIND_CREATED) for record in records))
    eventually(lambda: store.database.work_items.count_documents({}) == len(records))
    stepping = threading.Timer(0.2, step_down, (mongo_url,))
    stepping.start()

    def decided() -> bool:
        for lease in until_taken(lambda: store.lease(wait=0, max_leases=5)).leases:
            seen = present(lease, at(1), email=f"{lease.record_id}@x.org")
            until_taken(lambda seen=seen: store.reconcile(seen))
        return store.database.leads.count_documents({}) == len(records)

    eventually(decided, within=240)
    stepping.join()
    assert store.work(work_pb.WORK_STATE_FAILED) == []
    assert len({one["values"]["email"] for one in store.database.leads.find()}) == len(records)


def test_a_member_that_fails_to_replicate_acknowledges_nothing(store: LeadStore, mongo_url: str) -> None:
    """An insert is answered with a write concern error; the server has to allow test commands."""
    error = {"code": 64, "codeName": "WriteConcernTimeout", "errmsg": "waiting for replication"}
    fail: dict[str, Any] = {"failCommands": ["insert"], "writeConcernError": error, "appName": "lead-store"}
    client: pymongo.MongoClient[dict[str, Any]]
    with pymongo.MongoClient(mongo_url) as client:
        try:
            client.admin.command({"configureFailPoint": "failCommand", "mode": {"times": 1}, "data": fail})
        except OperationFailure:
            pytest.skip("the server does not allow test commands (--setParameter enableTestCommands=1)")
    with pytest.raises(grpc.RpcError) as refused:
        store.deliver(touch("1"), key="a")
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    assert store.deliver(touch("1"), key="a"), "it was there already"
