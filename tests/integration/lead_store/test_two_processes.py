"""Several lead-stores on one database: all that they share is there, so it does not matter which of them is asked."""

import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta

import grpc
import pytest
from lead_store import bootstrap
from lead_store.settings import Settings, Timing
from lead_store_calls import TENANT, LeadStore, at, eventually, present, touch
from leadsync.lead.v1 import lead_service_pb2

TIMING = Timing(lease=timedelta(seconds=12))
Two = tuple[LeadStore, LeadStore]


@pytest.fixture
def two(mongo_url: str) -> Iterator[Two]:
    """Two lead-stores that start at the same time on an empty database."""
    database = f"test_{uuid.uuid4().hex[:12]}"
    settings = Settings(
        mongo_url=mongo_url,
        identity_key=b"k" * 32,
        database=database,
        port=0,
        timing=Timing(lease=timedelta(seconds=12)),
    )
    with ExitStack() as stack, ThreadPoolExecutor(2) as pool:
        starting = [bootstrap.run(settings, threading.Event()) for _ in range(2)]
        ports = list(pool.map(lambda each: each.__enter__(), starting))
        for each in starting:
            stack.callback(each.__exit__, None, None, None)
        channels = [stack.enter_context(grpc.insecure_channel(f"127.0.0.1:{port}")) for port in ports]
        one, other = (LeadStore(channel, mongo_url, database) for channel in channels)
        yield one, other
        other.client.close()
        one.drop()


def test_a_delivery_is_kept_once_whoever_is_asked(two: Two) -> None:
    """The same delivery sent to both at once is new to one of them.

    Its events count once, its record is one work item.
    """
    one, other = two
    one.put_target()
    with ThreadPoolExecutor(8) as pool:
        calls = [
            (number, pool.submit(store.deliver, touch(str(number)), key=f"key-{number}", events=2))
            for number in range(20)
            for store in two
        ]
        duplicates = Counter(number for number, call in calls if call.result())
    assert duplicates == dict.fromkeys(range(20), 1)
    eventually(lambda: other.status().total_received >= 40)
    eventually(lambda: one.database.deliveries.count_documents({"state": "new"}) == 0)
    assert (one.status().total_received, one.status().pending) == (40, 20)


def test_work_goes_on_at_the_other(two: Two) -> None:
    """What one keeps the other hands out, once; what was leased through one is decided through the other."""
    one, other = two
    other.put_target()
    for number in range(6):
        two[number % 2].deliver(touch(str(number)))
    eventually(lambda: one.status().pending == 6)
    mine = other.lease(worker="worker-1")
    assert sorted(lease.record_id for lease in mine.leases) == list("012345")
    assert one.lease(wait=0, worker="worker-2").leases == []  # another process has the integration
    decisions = one.reconcile(
        *(present(lease, at(0), email=f"{lease.record_id}@x.org") for lease in mine.leases), worker="worker-1"
    )
    assert len({decision.lead_id for decision in decisions}) == 6
    assert len(other.all_leads()) == 6
    assert (one.status().decided, other.status().from_crm_created, other.status().pending) == (6, 6, 0)


def test_waiting_work_is_found_at_the_other(two: Two) -> None:
    """A worker that waits at one process gets the work that another process received."""
    one, other = two
    one.put_target()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(one.lease, 10)
        other.deliver(touch("7"))
        assert [lease.record_id for lease in waiting.result(20).leases] == ["7"]


def test_a_watch_sees_what_happens_at_the_other(two: Two) -> None:
    """Changes made through one process are streamed by the other."""
    one, other = two
    stream = other.leads.WatchLeads(lead_service_pb2.WatchLeadsRequest(tenant_id=TENANT), timeout=60)
    next(stream)  # it is open
    lead_id = one.create(email="ann@example.com").lead_id
    assert next(answer.lead.lead_id for answer in stream if answer.HasField("lead")) == lead_id
    stream.cancel()


def test_edits_through_both_are_all_kept(two: Two) -> None:
    """Edits of one lead through both processes at once lose none of each other's fields."""
    lead_id = two[0].create(email="ann@example.com").lead_id
    fields = ("first_name", "last_name", "company", "job_title", "phone", "website")
    with ThreadPoolExecutor(6) as pool:
        calls = [pool.submit(two[n % 2].update, lead_id, **{field: f"+{n}"}) for n, field in enumerate(fields)]
        for call in calls:
            call.result()
    lead = two[1].get(lead_id)
    assert [getattr(lead, field) for field in fields] == [f"+{n}" for n in range(len(fields))]
