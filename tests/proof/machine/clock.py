"""The one clock of the world: database, connector and CRM read it, and it moves only when something happens."""

import heapq
import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

START = datetime(2031, 1, 1, 12, tzinfo=UTC)  # ahead of the server's own clock, so that its TTL index keeps everything


class Clock:
    """Time in milliseconds. What was put off until later happens while it moves."""

    def __init__(self) -> None:
        self._ms = 0
        self._later: list[tuple[int, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._until: int | None = None

    def now(self) -> datetime:
        """The present, as the database tells it."""
        return START + timedelta(milliseconds=self._ms)

    def time(self) -> float:
        """The present in seconds since 1970."""
        return self.now().timestamp()

    def monotonic(self) -> float:
        """The present as a process measures spans."""
        return self._ms / 1000

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        target = self._ms + max(1, round(seconds * 1000))
        if self._until is not None:
            target = max(self._ms + 1, min(target, self._until))
        while self._later and self._later[0][0] <= target:
            at, _, what = heapq.heappop(self._later)
            self._ms = max(self._ms, at)
            what()
        self._ms = max(self._ms, target)

    def later(self, seconds: float, what: Callable[[], None]) -> None:
        """Put something off."""
        heapq.heappush(self._later, (self._ms + round(seconds * 1000), next(self._order), what))

    @property
    def next_event(self) -> datetime | None:
        """When the first of what was put off happens."""
        return START + timedelta(milliseconds=self._later[0][0]) if self._later else None

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Whatever happens inside takes no longer than this."""
        before, end = self._until, self._ms + round(seconds * 1000)
        self._until = end if before is None else min(before, end)
        try:
            yield
        finally:
            self._until = before


class Waits(threading.Event):
    """An event whose waiting moves the clock instead of taking time."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def wait(self, timeout: float | None = None) -> bool:
        """Let the time pass; whether the event is set."""
        if not self.is_set():
            self._clock.advance(timeout or 0.0)
        return self.is_set()
