"""What lead-store's statements ask of MongoDB, by what comes by on their way."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import grpc
import pytest
from lead_store.domain.applying import started
from lead_store.domain.delivery import Delivery
from lead_store.domain.erasure import OpenErasure
from lead_store.domain.rules import Direction, Target
from lead_store.domain.work_item import WorkItemTouch
from lead_store.mongo.client import Document, connect
from lead_store.mongo.data_version import upgrade
from lead_store.mongo.indexes import ensure_indexes
from lead_store.mongo.key_check import check_key
from lead_store.mongo.quarantine import QuarantinedRequests
from lead_store.mongo.store import Store
from lead_store_calls import TENANT, running
from lead_store_moves import disconnect, refusal
from leadsync.lead.v1 import lead_service_pb2
from mongo_faults import refused
from mongo_proxy import MongoProxy

TOUCH = WorkItemTouch(TENANT, "integration", record_id="1")
TARGET = Target("integration", TENANT, "hubspot", "7", Direction.BIDIRECTIONAL)
RUN = started("integration", "run", 1)
NOW = datetime.now(UTC)
DELIVERY = Delivery("k", *TARGET.account, b'[{"objectId":1}]', {}, (), 1, 0, NOW, ("1",))
MINUTE = 60_000  # milliseconds


@pytest.fixture
def store(proxy: MongoProxy) -> Iterator[Store]:
    """A store whose URL asks for less than lead-store needs."""
    weak = f"{proxy.url}&readPreference=secondaryPreferred&readConcernLevel=local&w=1&journal=false"
    with connect(weak) as client:
        store = Store.of(client, f"test_{uuid.uuid4().hex[:12]}", b"k" * 32)
        proxy.seen = []
        yield store
        client.drop_database(store.database.name)


def sent(proxy: MongoProxy, name: str) -> list[Document]:
    """The commands of a name that came by."""
    return [one for one in proxy.seen or [] if name in one]


def test_the_url_cannot_weaken_what_is_read_and_written(store: Store, proxy: MongoProxy) -> None:
    """All is on a majority's disks before it is acknowledged or shown, and comes from the primary."""
    store.leads.get(TENANT, "1")
    store.work_items.touch([TOUCH])
    store.transact(lambda session: store.work_items.touch([TOUCH], session))
    (read, *_), (write, within) = sent(proxy, "find"), sent(proxy, "update")[-2:]
    (commit,) = sent(proxy, "commitTransaction")
    assert read["readConcern"]["level"] == "majority"
    assert within["readConcern"]["level"] == "snapshot"
    assert write["writeConcern"] == commit["writeConcern"] == {"w": "majority", "j": True}
    modes: set[Any] = {one.get("$readPreference", {}).get("mode", "primary") for one in (read, write, within)}
    assert modes <= {"primary", "primaryPreferred"}  # a direct connection lets the driver send the second


WRITES: dict[str, Callable[[Any], object]] = {
    "work items": lambda s: [s.work_items.touch([TOUCH]), s.work_items.leave("w")],
    "targets": lambda s: [
        *(s.targets.put(TARGET, ""), s.targets.take(TARGET.integration_id, "w", timedelta(minutes=1))),
        *(s.targets.note_news(["integration"]), s.targets.leave("w"), s.targets.remove(TENANT, TARGET.integration_id)),
    ],
    "applying": lambda s: [
        *(s.applying.start(TARGET, RUN), s.applying.move(RUN, RUN), s.applying.stop("integration", "run")),
    ],
    "processes": lambda s: [
        *(s.processes.heartbeat(), s.transact(lambda _: None), s.processes.heartbeat()),
        s.processes.end_predecessor(),
    ],
    "deliveries": lambda s: [
        *(s.deliveries.insert([DELIVERY], NOW), s.deliveries.remove_events(TARGET.account, {"1"})),
        *(s.deliveries.mark(["k"], "unroutable"), s.deliveries.reopen(*TARGET.account)),
    ],
    "erasures": lambda s: s.erasures.finish(OpenErasure("e", TENANT, "integration", TARGET.account, frozenset("1"))),
    "the quarantine": lambda s: QuarantinedRequests.of(s.database, timedelta(days=1)).forget(["k"]),
    "the start": lambda s: [step(s.database) for step in (partial(check_key, key=b"k" * 32), upgrade)],
}


@pytest.mark.parametrize("name", WRITES)
def test_a_write_that_waits_for_a_transaction_ends_on_the_server_too(
    store: Store, proxy: MongoProxy, name: str
) -> None:
    """Otherwise it would be carried out long after the caller has been refused; in a transaction nothing waits."""
    WRITES[name](store)
    seen = [one for command in ("insert", "update", "delete") for one in sent(proxy, command)]
    assert seen
    assert [one for one in seen if not 0 < one.get("maxTimeMS", MINUTE) < MINUTE] == []


def test_touches_that_differ_only_by_their_lead_take_one_statement(store: Store, proxy: MongoProxy) -> None:
    """A decision about many leads makes the work items of all of them due; each remembers its own lead."""
    touches = [WorkItemTouch(TENANT, "integration", str(n), lead_id=f"lead-{n}" if n else "") for n in range(20)]
    store.work_items.touch([replace(one, lead_id="former") for one in touches])
    proxy.seen = []
    assert store.transact(partial(store.work_items.touch, touches)) == 20
    updates = [one for one in sent(proxy, "update") if one["update"] == "work_items"]
    assert len(updates) == 2  # of those with a lead, and of the one without
    found = {one["record_id"]: one["lead_id"] for one in store.database["work_items"].find()}
    assert found == {one.record_id: one.lead_id or "former" for one in touches}


def test_the_build_of_an_index_has_no_such_limit_as_a_call(store: Store, proxy: MongoProxy) -> None:
    """On a large collection it would be ended each time."""
    ensure_indexes(store.database)
    builds = sent(proxy, "createIndexes")
    assert builds
    assert all(one["maxTimeMS"] > 60 * MINUTE for one in builds)


def test_damaged_resume_tokens_are_the_callers_fault(proxy: MongoProxy, mongo_url: str) -> None:
    """Also those of which MongoDB says what is wrong inside."""
    with running(proxy.url, looked_at=mongo_url) as store:
        request = lead_service_pb2.WatchLeadsRequest(tenant_id=TENANT)
        for code in (40647, 40648, 40649):
            proxy.inject(refused(code), "aggregate", "leads")
            code_and_reason = refusal(lambda: next(store.leads.WatchLeads(request, timeout=60)))[:2]
            assert code_and_reason == (grpc.StatusCode.INVALID_ARGUMENT, "resume_token")


def test_a_link_of_a_removed_integration_keeps_no_base(mongo_url: str) -> None:
    """Each connection of an account has a new id: what was agreed under a former one is of no use to it."""
    with running(mongo_url) as store:
        store.put_target()
        lead_id = store.import_contact("1", email="a@x.org")
        disconnect(store)
        (link,) = store.database.leads.find_one({"_id": lead_id}, {"links": 1})["links"]  # type: ignore[index]  # it is there
    assert (link["detached_reason"], link["record_id"], link["base"]) == ("integration_removed", "1", {})
