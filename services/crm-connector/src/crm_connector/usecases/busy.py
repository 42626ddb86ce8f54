"""Which integrations a process is busy with, so that each has one job, or two of which the older one only writes.

A full batch is a sign that more is due. While its writes are under way, the next job may lease and read: the CRM and
lead-store work at the same time. If that one has decided before the older one has ended, both write.
"""

import threading
import time
from collections.abc import Callable


class Busy:
    """Which integrations this process is busy with; thread-safe."""

    def __init__(self, batching: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        """After a job began its integration counts as busy for `batching` seconds at least."""
        self._batching = batching
        self._monotonic = monotonic
        self._changed = threading.Condition()
        self._running: set[str] = set()
        self._writing: set[str] = set()
        self._began: dict[str, float] = {}

    def begin(self, integration_id: str) -> None:
        """Note that a job begins."""
        with self._changed:
            self._running.add(integration_id)
            self._began[integration_id] = self._monotonic()

    def writes(self, integration_id: str) -> bool:
        """Note that the job only has to write now, so that the next may begin. False = another one writes already."""
        with self._changed:
            if integration_id in self._writing:
                return False
            self._writing.add(integration_id)
            self._running.discard(integration_id)
            self._changed.notify_all()
            return True

    def end(self, integration_id: str, *, writing: bool = False) -> None:
        """Note that a job has ended; `writing` = the one that only had to write."""
        with self._changed:
            (self._writing if writing else self._running).discard(integration_id)
            self._changed.notify_all()

    def now(self) -> list[str]:
        """Give the integrations that may not begin a job: they have one, or the last one began a moment ago."""
        with self._changed:
            recent = self._monotonic() - self._batching
            self._began = {key: at for key, at in self._began.items() if key in self._running or at > recent}
            return sorted(self._began)

    @property
    def jobs(self) -> int:
        """Number of jobs that run."""
        with self._changed:
            return len(self._running) + len(self._writing)

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
            return self._changed.wait_for(lambda: not self._works(integration_id), seconds)

    def _works(self, integration_id: str) -> bool:
        working = self._running | self._writing
        return integration_id in working if integration_id else bool(working)
