"""What the looks for work of one process remember of integrations that had none."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from lead_store.domain.looks import Idle, News, must_ask

Search = Callable[[str, datetime, timedelta, bool], datetime | None]
"""Integration, now, how far to see ahead, whether for work of runs → when its first work is ready, or has become so."""


@dataclass(slots=True)
class Looks:
    """Asks integrations whether they have work, as seldom as `domain.looks` allows. Thread-safe."""

    search: Search
    every: timedelta  # a round: each integration is asked at least so often
    monotonic: Callable[[], float] = time.monotonic
    _idle: dict[tuple[str, bool], Idle] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _swept_at: float = float("-inf")

    def has_work(self, integration_id: str, news: News, now: datetime, *, of_runs: bool) -> bool:
        """Whether an integration has work that can be handed out: live work, or with `of_runs` that of runs.

        `news` and `now` were read from the database before.
        """
        key, seconds, every = (integration_id, of_runs), self.monotonic(), self.every.total_seconds()
        if not must_ask(integration_id, self._idle.get(key), news, now, seconds, every):
            return False
        ready_at = self.search(integration_id, now, self.every, of_runs)
        found = ready_at is not None and ready_at <= now
        with self._lock:
            self._forget_old(seconds)
            if found:
                self._idle.pop(key, None)
            else:
                self._idle[key] = Idle(news, ready_at, seconds)
        return found

    def _forget_old(self, seconds: float) -> None:
        """Forget, once in a round, what has not been asked for as long: its turn has come, whatever is known."""
        round_ago = seconds - self.every.total_seconds()
        if self._swept_at > round_ago:
            return
        self._swept_at = seconds
        for key in [key for key, idle in self._idle.items() if idle.asked_at < round_ago]:
            del self._idle[key]
