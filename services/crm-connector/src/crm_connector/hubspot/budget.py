"""The API quota of one HubSpot account, shared by all threads of the process.

Limits: HubSpot's "Usage guidelines"; a private app of a free account may call 100 times in ten seconds and search
five times a second. We use 90 % and follow what the answers announce.
"""

import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from crm_connector.crm import Quota
from crm_connector.domain import budget
from crm_connector.domain.errors import RateLimitedError

_CALLS_PER_TEN_SECONDS = 90.0
_SEARCHES_PER_SECOND = 4.0


class AccountBudget:
    """Hands out calls. A thread over budget waits, as long as its caller allows."""

    def __init__(
        self,
        stop: threading.Event,
        time_zone: str = "UTC",
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._stop = stop
        self._time_zone = time_zone
        self._monotonic = monotonic
        self._now = now
        self._lock = threading.Lock()
        self._calls = budget.full(_CALLS_PER_TEN_SECONDS, 10.0, monotonic())
        self._searches = budget.full(_SEARCHES_PER_SECOND, 1.0, monotonic())
        self.daily: Quota | None = None

    def acquire(self, send_by: float, *, search: bool = False) -> None:
        """Wait for a call, until the monotonic time `send_by` at most.

        Raises:
            RateLimitedError: with the wait that would have been needed.

        """
        while True:
            now = self._monotonic()
            wait = self._take(now, search=search)
            if wait <= 0.0:
                return
            if now + wait > send_by or self._stop.is_set():
                raise RateLimitedError("rate_limited", "Our share of HubSpot's quota is used up.", retry_after=wait)
            self._stop.wait(wait)

    def learn(self, headers: Mapping[str, str]) -> None:
        """Follow the limit that an answer announces, and note the daily quota; not every answer has both."""
        per_day, remaining = (headers.get(f"X-HubSpot-RateLimit-Daily{tail}", "") for tail in ("", "-Remaining"))
        if per_day.isdecimal() and remaining.isdecimal():
            self.daily = Quota(int(per_day), int(remaining))
        limit = headers.get("X-HubSpot-RateLimit-Max", "")
        interval = headers.get("X-HubSpot-RateLimit-Interval-Milliseconds", "")
        if not (limit.isdecimal() and interval.isdecimal() and int(limit) and int(interval)):
            return
        with self._lock:
            self._calls = budget.adjusted(self._calls, float(limit), int(interval) / 1000)

    def exhausted(self, error: RateLimitedError, *, search: bool = False) -> RateLimitedError:
        """Hold back everything the error concerns, and say how long that takes."""
        daily = error.reason == "daily_limit"
        wait = self._until_midnight() if daily else error.retry_after
        until = self._monotonic() + wait
        with self._lock:
            if search or daily:
                self._searches = budget.blocked(self._searches, until)
            if not search or daily:
                self._calls = budget.blocked(self._calls, until)
        return RateLimitedError(error.reason, error.message, retry_after=wait)

    def _take(self, now: float, *, search: bool) -> float:
        """Take a token of the right bucket, or say how long to wait. Searches are exempt from the ten-second limit."""
        with self._lock:
            if search:
                self._searches, wait = budget.take(self._searches, now)
            else:
                self._calls, wait = budget.take(self._calls, now)
        return wait

    def _until_midnight(self) -> float:
        """Seconds until the portal's next day begins, when its daily quota starts anew."""
        zone: tzinfo
        try:
            zone = ZoneInfo(self._time_zone)
        except (ZoneInfoNotFoundError, ValueError):  # unknown, or a system without time zones
            zone = UTC
        now = self._now()
        day_after = (now.astimezone(zone) + timedelta(days=1)).date()
        midnight = datetime(day_after.year, day_after.month, day_after.day, tzinfo=zone)
        return max(1.0, (midnight.astimezone(UTC) - now).total_seconds())
