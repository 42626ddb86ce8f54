"""The database's clock for those who cannot ask each time: each answer costs a call of its own."""

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

OLDEST = 1.0  # seconds after which the database is asked again


class RecentClock:
    """The last answer of `ask`, moved on by a steady clock: never ahead, and behind by at most an answer's way."""

    def __init__(self, ask: Callable[[], datetime], steady: Callable[[], float] = time.monotonic) -> None:
        self._ask = ask
        self._steady = steady
        self._lock = threading.Lock()
        self._answer: datetime | None = None
        self._answered_at = 0.0

    def now(self) -> datetime:
        """The time, as exact as the database tells it: to the millisecond."""
        with self._lock:
            passed = self._steady() - self._answered_at
            if self._answer is None or passed > OLDEST:
                self._answer = self._ask()
                self._answered_at, passed = self._steady(), 0.0
            return self._answer + timedelta(milliseconds=int(passed * 1_000))
