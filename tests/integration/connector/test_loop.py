"""The loop that leases work, over real sockets."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from crm_connector.clients.lead_store import GrpcLeadStore
from crm_connector.domain.batch_size import BatchSize
from crm_connector.domain.observation import LeaseBatch
from crm_connector.domain.timing import Timing
from crm_connector.usecases.loop import WorkLoop
from crm_connector.usecases.work import Job
from integration.connector import builders, hub, processes
from integration.connector.hub import Simulator
from integration.connector.lead_store_double import StoreDouble, client_of, served
from integration.connector.processes import wait_until
from integration.connector.rig import TIMING
from leadsync.sync.v1 import sync_pb2, work_service_pb2


def work(integration_id: str) -> work_service_pb2.LeaseWorkResponse:
    """One due record of an integration."""
    lease = sync_pb2.Lease(work_item_id=f"work-{integration_id}", fence=1, record_id="1")
    return work_service_pb2.LeaseWorkResponse(integration_id=integration_id, leases=[lease], lease_ms=60_000)


class Jobs:
    """Notes jobs; each waits until it is let go, for `decides` after it said that all is decided."""

    def __init__(self, *, decides: bool = False) -> None:
        self.decides = decides
        self.began: list[tuple[str, float]] = []
        self.running: set[str] = set()
        self.overlaps = 0
        self.go = threading.Event()
        self._lock = threading.Lock()

    def __call__(self, batch: LeaseBatch, decided: Callable[[], None]) -> None:
        """Do a job."""
        with self._lock:
            self.overlaps += batch.integration_id in self.running
            self.running.add(batch.integration_id)
            self.began.append((batch.integration_id, time.monotonic()))
        if self.decides:
            decided()
        self.go.wait(10)
        with self._lock:
            self.running.discard(batch.integration_id)


class SlowStore(StoreDouble):
    """Takes a while to decide on a record, leases what is still due, and forgets what was written."""

    def lease_due(self, ids: list[str]) -> None:
        """Make these records due, each for an update."""
        self.due = ids

    def LeaseWork(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Lease as many as are asked for."""
        if self.due and not request.busy_integration_ids:
            leases = [
                sync_pb2.Lease(work_item_id=f"work-{one}", fence=1, record_id=one)
                for one in self.due[: request.max_leases]
            ]
            self.queue = [work_service_pb2.LeaseWorkResponse(integration_id="a", leases=leases, lease_ms=self.lease_ms)]
        return super().LeaseWork(request, context)

    def SettleWrites(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Take what was written off the due work."""
        written = {result.work_item_id for result in request.results if result.HasField("done")}
        self.due = [one for one in self.due if f"work-{one}" not in written]
        return super().SettleWrites(request, context)


@contextmanager
def looping(
    store: GrpcLeadStore,
    jobs: Callable[[LeaseBatch, Callable[[], None]], object],
    size: BatchSize | None = None,
    timing: Timing = TIMING,
) -> Iterator[threading.Thread]:
    """Run the loop on a thread; stop it as the bootstrap does."""
    stop = threading.Event()
    thread = threading.Thread(target=WorkLoop(store, jobs, stop, timing, size=size).run)
    thread.start()
    try:
        yield thread
    finally:
        if isinstance(jobs, Jobs):
            jobs.go.set()
        stop.set()
        store.interrupt()
        thread.join(10)
        assert not thread.is_alive()


def test_an_idle_process_holds_one_call(store: GrpcLeadStore, double: StoreDouble) -> None:
    """With nothing to do, one call waits twenty seconds; stopping ends it at once."""
    with looping(store, Jobs()):
        wait_until(lambda: double.held == 1)
        began = time.monotonic()

    assert (double.lease_requests[0].wait_seconds, double.most_held) == (20, 1)
    assert time.monotonic() - began < 3


def test_short_leases_are_not_waited_for_long(store: GrpcLeadStore, double: StoreDouble) -> None:
    """R4: a lease counts from before the call, so a call that is held longer than it allows would be for nothing."""
    jobs = Jobs()
    jobs.go.set()
    double.lease_ms = 15_000
    double.offer(work("a"))

    with looping(store, jobs):
        wait_until(lambda: 1 in [request.wait_seconds for request in double.lease_requests])


def test_an_integration_is_worked_by_one_job_at_a_time(store: GrpcLeadStore, double: StoreDouble) -> None:
    """While a job reads and decides, its integration counts as busy and others are worked."""
    jobs = Jobs()
    for integration_id in ("a", "a", "b"):
        double.offer(work(integration_id))

    with looping(store, jobs):
        wait_until(lambda: jobs.running == {"a", "b"})
        wait_until(lambda: list(double.lease_requests[-1].busy_integration_ids) == ["a", "b"])
        assert double.lease_requests[-1].wait_seconds == 0
        jobs.go.set()
        wait_until(lambda: len(jobs.began) == 3)

    assert jobs.overlaps == 0


def full(integration_id: str) -> work_service_pb2.LeaseWorkResponse:
    """A hundred due records of an integration: as many as are asked for."""
    leases = [sync_pb2.Lease(work_item_id=f"{integration_id}-{n}", fence=1, record_id=str(n)) for n in range(100)]
    return work_service_pb2.LeaseWorkResponse(integration_id=integration_id, leases=leases, lease_ms=60_000)


def asked_again(double: StoreDouble) -> None:
    """Wait until the loop has asked for work three more times."""
    asked = len(double.lease_requests)
    wait_until(lambda: len(double.lease_requests) >= asked + 3)


def test_the_next_job_begins_while_a_full_batch_is_written(store: GrpcLeadStore, double: StoreDouble) -> None:
    """One job of an integration writes while another reads and decides; a third waits for one of them."""
    jobs = Jobs(decides=True)
    for _ in range(3):
        double.offer(full("a"))

    with looping(store, jobs):
        wait_until(lambda: len(jobs.began) == 2)
        wait_until(lambda: list(double.lease_requests[-1].busy_integration_ids) == ["a"])
        asked_again(double)
        assert (len(jobs.began), len(double.queue)) == (2, 1)
        jobs.go.set()
        wait_until(lambda: len(jobs.began) == 3)


def test_a_batch_that_was_not_full_is_written_before_the_next_job(store: GrpcLeadStore, double: StoreDouble) -> None:
    """What comes meanwhile makes one batch, not several small ones: the CRM's calls do not grow."""
    jobs = Jobs(decides=True)
    double.offer(work("a"))
    double.offer(work("a"))

    with looping(store, jobs):
        wait_until(lambda: len(jobs.began) == 1)
        wait_until(lambda: list(double.lease_requests[-1].busy_integration_ids) == ["a"])
        asked_again(double)
        assert (len(jobs.began), len(double.queue)) == (1, 1)
        jobs.go.set()
        wait_until(lambda: len(jobs.began) == 2)
    assert jobs.overlaps == 0


def test_integrations_that_write_slowly_leave_threads_to_others(store: GrpcLeadStore, double: StoreDouble) -> None:
    """L9: of eight threads, jobs that overlap occupy at most the half and one; the rest is for other integrations."""
    jobs = Jobs(decides=True)
    for _ in range(2):
        for number in range(6):
            double.offer(full(f"i{number}"))

    with looping(store, jobs):
        wait_until(lambda: len(jobs.began) == 8)
        assert {integration_id for integration_id, _ in jobs.began} >= {f"i{number}" for number in range(6)}
        jobs.go.set()
        wait_until(lambda: len(jobs.began) == 12)


def test_jobs_of_an_integration_begin_at_least_a_quarter_second_apart(
    store: GrpcLeadStore, double: StoreDouble
) -> None:
    """A burst becomes batches: at most four jobs a second for an integration, however quick they are."""
    jobs = Jobs()
    jobs.go.set()
    for _ in range(4):
        double.offer(work("a"))

    with looping(store, jobs):
        wait_until(lambda: len(jobs.began) == 4)

    times = [at for _, at in jobs.began]
    late = 0.1  # a thread may begin so much later than its job, and the next one in time
    assert min(later - earlier for earlier, later in itertools.pairwise(times)) >= 0.25 - late


def test_leases_never_queue(store: GrpcLeadStore, double: StoreDouble) -> None:
    """No more is leased than there are threads to work it."""
    jobs = Jobs()
    for number in range(10):
        double.offer(work(f"i{number}"))

    with looping(store, jobs):
        wait_until(lambda: len(jobs.running) == 8)
        assert len(double.queue) == 2
        jobs.go.set()
        wait_until(lambda: len(jobs.began) == 10)


def test_lead_store_may_come_later() -> None:
    """A lead-store that is not there yet is waited for."""
    port, double, jobs = processes.free_port(), StoreDouble(), Jobs()
    jobs.go.set()
    double.offer(work("a"))

    with (
        client_of(f"127.0.0.1:{port}") as store,
        looping(store, jobs),
        served(double, port),
    ):
        wait_until(lambda: len(jobs.began) == 1)


def test_a_batch_that_outlasts_its_leases_is_tried_in_smaller_ones(simulator: Simulator) -> None:
    """A machine that decides too slowly for a hundred records at once still writes every one of them, in time (R4)."""
    ids = simulator.control.create_contacts(100)
    double, size = SlowStore(lease_ms=11_700), BatchSize()  # one second for the call, ten for its late landing
    double.lease_due(ids)

    def decide(seen: sync_pb2.Observation) -> sync_pb2.Decision:
        time.sleep(0.01)
        return builders.update(seen, first_name="Ada")

    double.decide = decide
    with (
        served(double) as target,
        client_of(target) as store,
        hub.hubspot(simulator.url, timeout=1.0) as provider,
    ):
        crm = provider.connect(builders.an_integration(), hub.StaticToken())
        crm.prepare(crm.mapping, set(crm.mapping.properties))
        with looping(store, Job(store, lambda _: crm, TIMING, size=size).run, size):
            wait_until(lambda: not double.due, 60)

    done = {result.done.record_id for result in double.results if result.HasField("done")}
    reasons = {result.not_sent.reason for result in double.results if result.HasField("not_sent")}
    assert (done, reasons) == (set(ids), {"lease_too_short"})
