"""The loop that leases work and starts a job for it: one job per integration at a time, one held call per process."""

import threading
import time
from collections.abc import Callable

import structlog

from crm_connector.clients.lead_store import GrpcLeadStore
from crm_connector.domain.batch_size import BatchSize
from crm_connector.domain.errors import StoreRefusedError, StoreUnavailableError
from crm_connector.domain.observation import LeaseBatch

# An integration is left alone this long after a job began, so that a burst of events becomes one batch.
BATCHING_SECONDS = 0.25
_HELD_SECONDS = 20
# A lease counts from before the call (R4), so a call is not held longer than leaves this much of it, if that can be.
_LEFT_SECONDS = 40
_RETRY_SECONDS = 1.0
_log = structlog.get_logger()


class Busy:
    """Which integrations this process is busy with; thread-safe."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
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
        """Integrations with a job, or whose last job began less than 250 ms ago."""
        with self._changed:
            recent = self._monotonic() - BATCHING_SECONDS
            self._began = {key: at for key, at in self._began.items() if key in self._running or at > recent}
            return sorted(self._began)

    @property
    def jobs(self) -> int:
        """Number of jobs that run."""
        with self._changed:
            return len(self._running)

    def pause(self) -> float:
        """Seconds until the first integration without a job has been left alone for long enough; at most 0.25."""
        with self._changed:
            now = self._monotonic()
            left = (at + BATCHING_SECONDS - now for key, at in self._began.items() if key not in self._running)
            return max(0.0, min(left, default=BATCHING_SECONDS))

    def wait_for_change(self) -> None:
        """Wait until a job ends, or until that pause is over."""
        with self._changed:
            self._changed.wait(self.pause())

    def wait_until_idle(self, seconds: float, integration_id: str = "") -> bool:
        """Wait until no job runs (of this integration, if one is named), at most so long; whether none does."""
        with self._changed:
            return self._changed.wait_for(
                lambda: integration_id not in self._running if integration_id else not self._running, seconds
            )


class WorkLoop:
    """Leases and hands over to `work`, until told to stop."""

    def __init__(
        self,
        store: GrpcLeadStore,
        work: Callable[[LeaseBatch], object],
        stop: threading.Event,
        busy: Busy | None = None,
        size: BatchSize | None = None,
        *,
        max_jobs: int = 8,
    ) -> None:
        """`busy` tells others, such as a run, which integrations have live work; `work` tells `size` how it went."""
        self._store = store
        self._work = work
        self._stop = stop
        self._max_jobs = max_jobs
        self._busy = busy or Busy()
        self._size = size or BatchSize()
        self._reachable = True
        self._held_seconds = _HELD_SECONDS

    def run(self) -> None:
        """Lease until told to stop, then give the jobs that run a few seconds to end."""
        while not self._stop.is_set():
            try:
                self._turn()
            except Exception:  # noqa: BLE001 - the loop outlives everything
                _log.exception("work_loop_failed", reason="unexpected")
                self._stop.wait(_RETRY_SECONDS)
        if not self._busy.wait_until_idle(4.0):
            _log.warning("work_abandoned", reason="stopping", jobs=self._busy.jobs)

    def _turn(self) -> None:
        """Lease once. Leases never queue: without a free thread nothing is leased."""
        busy = self._busy.now()
        if self._busy.jobs >= self._max_jobs:
            self._busy.wait_for_change()
            return
        batch = self._lease(busy)
        if batch is None:
            self._stop.wait(_RETRY_SECONDS)
        elif batch.leases:
            self._start(batch)
        elif busy or time.monotonic() - batch.claimed_at < BATCHING_SECONDS:
            self._busy.wait_for_change()

    def _lease(self, busy: list[str]) -> LeaseBatch | None:
        """Ask for work: held open while there is nothing else to do, else answered at once. None = not reachable."""
        try:
            batch = self._store.lease(0 if busy else self._held_seconds, busy, self._size.now)
        except (StoreUnavailableError, StoreRefusedError) as error:
            if self._reachable and not self._stop.is_set():
                _log.warning("lead_store_unreachable", reason=error.reason)
            self._reachable = False
            return None
        if not self._reachable:
            _log.info("lead_store_reachable")
        self._reachable = True
        self._held_seconds = max(1, min(_HELD_SECONDS, int(batch.lease_seconds) - _LEFT_SECONDS))
        return batch

    def _start(self, batch: LeaseBatch) -> None:
        """Work on a thread of its own; a daemon, since a hanging CRM must not keep the process from ending."""
        self._busy.begin(batch.integration_id)
        threading.Thread(target=self._job, args=(batch,), name="work", daemon=True).start()

    def _job(self, batch: LeaseBatch) -> None:
        try:
            self._work(batch)
        finally:
            self._busy.end(batch.integration_id)
