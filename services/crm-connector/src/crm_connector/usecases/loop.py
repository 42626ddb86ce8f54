"""The loop that leases work and starts a job for it: one job per integration at a time, one held call per process."""

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
from crm_connector.usecases.loops import Loops

_log = structlog.get_logger()


class Busy:
    """Which integrations this process is busy with; thread-safe."""

    def __init__(self, batching: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        """After a job began its integration counts as busy for `batching` seconds at least."""
        self._batching = batching
        self._monotonic = monotonic
        self._changed = threading.Condition()
        self._running: set[str] = set()
        self._began: dict[str, float] = {}

    def begin(self, integration_id: str) -> None:
        """Note that a job begins."""
        with self._changed:
            self._running.add(integration_id)
            self._began[integration_id] = self._monotonic()

    def end(self, integration_id: str) -> None:
        """Note that it has ended."""
        with self._changed:
            self._running.discard(integration_id)
            self._changed.notify_all()

    def now(self) -> list[str]:
        """Give the integrations with a job, and those whose last job began a moment ago."""
        with self._changed:
            recent = self._monotonic() - self._batching
            self._began = {key: at for key, at in self._began.items() if key in self._running or at > recent}
            return sorted(self._began)

    @property
    def jobs(self) -> int:
        """Number of jobs that run."""
        with self._changed:
            return len(self._running)

    def pause(self) -> float:
        """Give the seconds until the first integration without a job is no longer busy."""
        with self._changed:
            now = self._monotonic()
            left = (at + self._batching - now for key, at in self._began.items() if key not in self._running)
            return max(0.0, min(left, default=self._batching))

    def wait_for_change(self) -> None:
        """Wait until a job ends, or until an integration is no longer busy."""
        with self._changed:
            self._changed.wait(self.pause())

    def wait_until_idle(self, seconds: float, integration_id: str = "") -> bool:
        """Wait at most so long until no job runs, of this integration if one is named. False = one still runs."""
        with self._changed:
            return self._changed.wait_for(
                lambda: integration_id not in self._running if integration_id else not self._running, seconds
            )


class WorkLoop:
    """Leases work and starts jobs for it, until the process stops."""

    def __init__(
        self,
        store: GrpcLeadStore,
        work: Callable[[LeaseBatch], object],
        stop: threading.Event,
        timing: Timing,
        busy: Busy | None = None,
        size: BatchSize | None = None,
        *,
        loops: Loops | None = None,
        max_jobs: int = 8,
    ) -> None:
        """`busy` is shared with others, such as runs, that let live work go first. `work` adapts `size`.

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
        with self._loops.turns.turn("work") if self._loops else nullcontext():
            batch = self._lease(busy)
        if batch is None:
            self._stop.wait(self._timing.retries.lease)
        elif batch.leases:
            self._start(batch)
        elif busy or time.monotonic() - batch.claimed_at < self._timing.batching:
            self._busy.wait_for_change()

    def _lease(self, busy: list[str]) -> LeaseBatch | None:
        """Ask for work; the call is held open only while no job runs. None = lead-store cannot be reached."""
        try:
            batch = self._store.lease(0 if busy else self._held_seconds, busy, self._size.now)
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

    def _start(self, batch: LeaseBatch) -> None:
        """Work on a thread of its own: a daemon, so that a CRM that does not answer cannot keep the process alive."""
        self._busy.begin(batch.integration_id)
        threading.Thread(target=self._job, args=(batch,), name="work", daemon=True).start()

    def _job(self, batch: LeaseBatch) -> None:
        try:
            self._work(batch)
        finally:
            self._busy.end(batch.integration_id)
