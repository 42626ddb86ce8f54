"""The loop that leases work and starts a job for it, with one held call per process."""

import threading
import time
from collections.abc import Callable
from contextlib import nullcontext

import structlog

from crm_connector.clients.lead_store import GrpcLeadStore
from crm_connector.domain.batch_size import BatchSize
from crm_connector.domain.errors import StoreRefusedError, StoreUnavailableError
from crm_connector.domain.observation import LeaseBatch
from crm_connector.domain.timing import Timing
from crm_connector.usecases.busy import Busy
from crm_connector.usecases.loops import Loops

_log = structlog.get_logger()


class WorkLoop:
    """Leases work and starts jobs for it, until the process stops."""

    def __init__(
        self,
        store: GrpcLeadStore,
        work: Callable[[LeaseBatch, Callable[[], None]], object],
        stop: threading.Event,
        timing: Timing,
        busy: Busy | None = None,
        size: BatchSize | None = None,
        *,
        loops: Loops | None = None,
        max_jobs: int = 8,
    ) -> None:
        """`busy` is shared with others, such as runs, that let live work go first.

        `work` adapts `size`, and calls its second argument when all is decided and the writes are still to be sent.
        `loops` gets to know for how long no work could be leased.
        """
        self._store = store
        self._work = work
        self._stop = stop
        self._max_jobs = max_jobs
        self._timing = timing
        self._busy = busy or Busy(timing.batching)
        self._size = size or BatchSize()
        self._loops = loops
        self._reachable = True
        self._held_seconds = max(1, int(timing.held_call))

    def run(self) -> None:
        """Lease until the process stops, then give the jobs that run a few seconds to end."""
        while not self._stop.is_set():
            try:
                self._turn()
            except Exception:  # noqa: BLE001 - the loop goes on after every error
                _log.exception("work_loop_failed", reason="unexpected")
                self._stop.wait(self._timing.retries.lease)
        if not self._busy.wait_until_idle(self._timing.stop_jobs):
            _log.warning("work_abandoned", reason="stopping", jobs=self._busy.jobs)

    def _turn(self) -> None:
        """Lease once. Leases never queue: without a free thread nothing is leased."""
        busy = self._busy.now()
        if self._busy.jobs >= self._max_jobs:
            self._busy.wait_for_change()
            return
        most = self._size.now
        with self._loops.turns.turn("work") if self._loops else nullcontext():
            batch = self._lease(busy, most)
        if batch is None:
            self._stop.wait(self._timing.retries.lease)
        elif batch.leases:
            self._start(batch, full=len(batch.leases) >= most)
        elif busy or time.monotonic() - batch.claimed_at < self._timing.batching:
            self._busy.wait_for_change()

    def _lease(self, busy: list[str], most: int) -> LeaseBatch | None:
        """Ask for work; the call is held open only while no job runs. None = lead-store cannot be reached."""
        try:
            batch = self._store.lease(0 if busy else self._held_seconds, busy, most)
        except (StoreUnavailableError, StoreRefusedError) as error:
            if self._reachable and not self._stop.is_set():
                _log.warning("lead_store_unreachable", reason=error.reason)
            self._reachable = False
            self._note(failed=not self._stop.is_set())
            return None
        if not self._reachable:
            _log.info("lead_store_reachable")
        self._reachable = True
        self._note(failed=False)
        held = min(self._timing.held_call, batch.lease_seconds - self._timing.left_of_lease)
        self._held_seconds = max(1, int(held))
        return batch

    def _note(self, *, failed: bool) -> None:
        if self._loops is not None:
            self._loops.turned("work", failed=failed)

    def _start(self, batch: LeaseBatch, *, full: bool) -> None:
        """Work on a thread of its own: a daemon, so that a CRM that does not answer cannot keep the process alive."""
        self._busy.begin(batch.integration_id)
        threading.Thread(target=self._job, args=(batch, full), name="work", daemon=True).start()

    def _job(self, batch: LeaseBatch, full: bool) -> None:
        """Do a job. A full batch means that more is due: then the next job begins before its writes.

        Unless threads are scarce: others need them too.
        """
        writing = False

        def decided() -> None:
            nonlocal writing
            if full and not writing and 2 * self._busy.jobs <= self._max_jobs:
                writing = self._busy.writes(batch.integration_id)

        try:
            self._work(batch, decided)
        finally:
            self._busy.end(batch.integration_id, writing=writing)
