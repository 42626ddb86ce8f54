"""The database's clock without a call for each look at it."""

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

OLDEST = 1.0  # seconds after which the database is asked again


class CachedClock:
    """The last answer of `ask` plus the time since. It is never ahead, and late only by the way of an answer."""

    def __init__(self, ask: Callable[[], datetime], steady: Callable[[], float] = time.monotonic) -> None:
        self._ask = ask
        self._steady = steady
        self._lock = threading.Lock()
        self._answer: datetime | None = None
        self._answered_at = 0.0

    def now(self) -> datetime:
        """The time to the millisecond, as the database gives it."""
        with self._lock:
            passed = self._steady() - self._answered_at
            if self._answer is None or passed > OLDEST:
                self._answer = self._ask()
                self._answered_at, passed = self._steady(), 0.0
            return self._answer + timedelta(milliseconds=int(passed * 1_000))
