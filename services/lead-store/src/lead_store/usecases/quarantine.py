"""The quarantine keeps requests that could not be verified, so that a wrong secret or URL can be corrected."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from lead_store.domain.errors import Invalid
from lead_store.domain.quarantine import QuarantineCount, QuarantinedRequest
from lead_store.mongo.quarantine import QuarantinedRequests

MOST_AT_ONCE = 100
PAGE_BYTES = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Cap:
    """How much is kept at most. Measuring costs the database something, so a measurement counts for a while."""

    requests: int = 5_000
    bytes: int = 64 * 1024 * 1024
    fresh_seconds: float = 10.0


@dataclass(slots=True)
class Quarantine:
    """Keeps requests as long as there is room. Several processes may together exceed the cap for some seconds."""

    requests: QuarantinedRequests
    now: Callable[[], datetime]
    cap: Cap = field(default_factory=Cap)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _measured_at: float | None = None
    _used: tuple[int, int] = (0, 0)

    def keep(self, requests: list[QuarantinedRequest]) -> int:
        """Keep all of these or, if they do not fit, none; answers how many. One that is there stays as it is."""
        if not 1 <= len(requests) <= MOST_AT_ONCE:
            raise Invalid("requests", f"send 1 to {MOST_AT_ONCE} requests in one call")
        if not self._take_room(len(requests), sum(len(request.body) for request in requests)):
            return 0
        self.requests.insert(requests, self.now())
        return len(requests)

    def page(self, provider: str, after: str, limit: int) -> tuple[list[QuarantinedRequest], str]:
        """Requests behind a place, oldest first, at most `limit` and some 2 MiB; and the place to go on from, or ""."""
        page: list[QuarantinedRequest] = []
        size, place = 0, ""
        for next_place, request in self.requests.after(after, provider):
            if len(page) == limit or size >= PAGE_BYTES:
                return page, place
            page.append(request)
            size, place = size + len(request.body), next_place
        return page, ""

    def counts(self) -> list[QuarantineCount]:
        """Numbers by provider and reason."""
        return self.requests.counts()

    def forget(self, keys: list[str]) -> None:
        """Delete requests that were verified after all."""
        if not 1 <= len(keys) <= MOST_AT_ONCE:
            raise Invalid("request_keys", f"send 1 to {MOST_AT_ONCE} keys in one call")
        self.requests.forget(keys)

    def _take_room(self, number: int, size: int) -> bool:
        """Whether so much fits in. Between two measurements all is counted that was let in, as if it were new."""
        with self._lock:
            if self._measured_at is None or time.monotonic() - self._measured_at >= self.cap.fresh_seconds:
                self._used, self._measured_at = self.requests.usage(), time.monotonic()
            used = (self._used[0] + number, self._used[1] + size)
            if used[0] > self.cap.requests or used[1] > self.cap.bytes:
                return False
            self._used = used
            return True
