"""What recording and routing know of each other in one process: that something came, and how busy the way in is."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

QUIET_SECONDS = 0.1


class Arrivals:
    """Wakes the router, and tells it how much to give way: for its answer a CRM waits, for routing nobody does."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._kept = False
        self._closed = False
        self._under_way = 0
        self._since = 0.0
        self._busy = 0.0
        self.together = 0  # how many deliveries came with the last recording: the more, the more wait at the gateway

    @contextmanager
    def recording(self, deliveries: int) -> Iterator[None]:
        """Record so many deliveries until the block ends; if it ends well, there is something to route."""
        self.together = deliveries
        self._count(1)
        try:
            yield
            self.tell()
        finally:
            self._count(-1)

    def tell(self) -> None:
        """Say that there is something to route."""
        with self._changed:
            self._kept = True
            self._changed.notify_all()

    def wait(self, seconds: float) -> bool:
        """Wait for something to route that has not been waited for yet; whether there is."""
        with self._changed:
            self._changed.wait_for(lambda: self._kept or self._closed, seconds)
            kept, self._kept = self._kept, False
            return kept

    def rest(self, seconds: float) -> None:
        """Wait so long, but not for the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed, seconds)

    def quiet(self) -> bool:
        """Whether nothing has been recorded for a while."""
        with self._changed:
            return not self._under_way and time.monotonic() - self._since > QUIET_SECONDS

    def busy_seconds(self) -> float:
        """For how long, all in all, something has been being recorded."""
        with self._changed:
            return self._busy + (time.monotonic() - self._since if self._under_way else 0.0)

    def close(self) -> None:
        """Let nobody wait any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _count(self, change: int) -> None:
        with self._changed:
            now = time.monotonic()
            self._busy += now - self._since if self._under_way else 0.0
            self._since, self._under_way = now, self._under_way + change
