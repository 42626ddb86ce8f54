"""Looks for work ask few integrations, and find all work: by the news of it, by its time, or in a round at most."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from integration.lead_store.queue.process import KEY, Died, Process, Wire
from lead_store.domain.delivery import Delivery, Touch, TouchKind
from lead_store.domain.rules import Direction, Target
from lead_store.domain.work_item import WorkItem, WorkItemTouch
from lead_store.mongo.client import connect
from lead_store.mongo.indexes import ensure_indexes
from lead_store.mongo.store import Store
from lead_store_calls import eventually

HOUR = timedelta(hours=1)
SHORT = timedelta(seconds=4)  # a lease; half of it is a round
TENANT, INTEGRATION = "tenant", "integration"
Start = Callable[..., Process]


@pytest.fixture
def start(mongo_url: str) -> Iterator[Start]:
    """Give a function that starts processes on one database; unless told otherwise a round takes an hour."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    with ExitStack() as stack, connect(mongo_url) as client:
        store = Store.of(client, name, KEY)
        ensure_indexes(store.database)
        put_target(store, INTEGRATION)

        def begin(lease: timedelta = 2 * HOUR, at: int = -1) -> Process:
            process = stack.enter_context(Process(mongo_url, name, uuid.uuid4().hex, lease, Wire([], at)).open())
            process.lease = replace(process.lease, every=HOUR)
            return process

        yield begin
        client.drop_database(name)


def put_target(store: Store, integration_id: str) -> None:
    """An integration with an account of its own."""
    store.targets.put(Target(integration_id, TENANT, "hubspot", integration_id, Direction.BIDIRECTIONAL), "")


def look(process: Process) -> list[WorkItem]:
    """One look for work."""
    leased = process.lease.due(process.worker_id, 100, 0, [], lambda: True)
    return [lease.work_item for lease in leased.leases]


def record(process: Process, record_id: str) -> None:
    """Keep an event about a record."""
    touches = (Touch("contact", record_id, TouchKind.CHANGED),)
    process.inbox.record([Delivery(record_id, "hubspot", INTEGRATION, b"[]", {}, touches, 1, 0, datetime.now(UTC))])


def test_what_one_process_makes_due_is_found_at_the_next_look_of_another(start: Start) -> None:
    """By the note in the database, although the other has just found nothing."""
    one, other = start(), start()
    assert look(other) == []
    record(one, "1")
    one.router.route()
    one.signal.tell_others()
    assert [work_item.record_id for work_item in look(other)] == ["1"]


def test_what_a_process_makes_due_is_found_at_its_own_next_look(start: Start) -> None:
    """Also before it has noted that for others."""
    one = start()
    assert look(one) == []
    record(one, "1")
    one.router.route()
    assert [work_item.record_id for work_item in look(one)] == ["1"]


def test_work_whose_news_died_with_their_process_is_found_in_a_round(start: Start) -> None:
    """The process dies at each command between the commit of the touches and the end of its note.

    Another one, which has found nothing before, finds the work all the same.
    """
    undisturbed = start()
    record(undisturbed, "0")
    undisturbed.router.route()
    before = len(undisturbed.wire.names)
    undisturbed.signal.tell_others()
    assert undisturbed.wire.names[before:] == ["update targets"]
    assert [work_item.record_id for work_item in look(undisturbed)] == ["0"]
    undisturbed.lease.leave(undisturbed.worker_id)

    other = start(SHORT)
    assert [work_item.record_id for work_item in eventually(lambda: look(other))] == ["0"]
    assert eventually(lambda: not look(other))
    dying = start(at=before)
    record(dying, "1")
    dying.router.route()
    with pytest.raises(Died):
        dying.signal.tell_others()
    assert [work_item.record_id for work_item in eventually(lambda: look(other))] == ["1"]


def test_what_was_put_back_is_leased_when_it_is_due(start: Start) -> None:
    """Not a round later, also at a process that was told so only after it had found nothing."""
    one, other = start(), start()
    one.store.work_items.touch([WorkItemTouch(TENANT, INTEGRATION, "1")])
    (work_item,) = look(one)
    one.store.targets.leave(one.worker_id)
    assert look(other) == []
    wait = timedelta(seconds=1)
    one.work.release(one.worker_id, work_item.work_item_id, work_item.fence, "crm_error", wait, counts=False)
    one.signal.tell_others()
    (again,) = eventually(lambda: look(other))
    assert again.work_item_id == work_item.work_item_id


def test_the_end_of_a_lease_is_foreseen(start: Start) -> None:
    """Its holder says nothing any more, and there are no news: rounds are half as long as leases."""
    gone, other = start(SHORT), start(SHORT)
    gone.store.work_items.touch([WorkItemTouch(TENANT, INTEGRATION, "1")])
    (work_item,) = look(gone)
    eventually(lambda: gone.store.now() >= (work_item.lease_until or gone.store.now()))
    assert [one.record_id for one in eventually(lambda: look(other))] == ["1"]


def test_a_look_asks_only_those_of_which_there_are_news(start: Start) -> None:
    """Of a thousand integrations three have work: each look asks these, and goes on to the next one in turn."""
    process = start()
    process.lease = replace(process.lease, monotonic=lambda: 0.0)  # no integration has its turn, however slow this is
    for number in range(1_000):
        put_target(process.store, f"{number}")
    assert look(process) == []
    busy = ["7", "500", "999"]
    process.store.touch_together([WorkItemTouch(TENANT, name, f"{n}") for name in busy for n in range(150)])
    process.signal.notify(busy)
    begin, found = len(process.wire.names), list[str]()
    while work_items := look(process):
        found.append(work_items[0].integration_id)
    assert sorted(found[:3]) == sorted(found[3:]) == sorted(busy)  # nobody's second hundred before another's first
    searches = [name for name in process.wire.names[begin:] if name == "find work_items"]
    assert len(searches) <= 10 * len(found), "more than a few for each batch, and a last look that finds nothing"
