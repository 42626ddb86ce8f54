"""How many calls one HubSpot account takes at the moment: its quota and its circuit breaker, shared by all threads.

Limits: HubSpot's "Usage guidelines"; a private app of a free account may call 100 times in ten seconds and search
five times a second. We use 90 % of that and follow the limits that answers announce.
"""

import random
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from crm_connector.crm import Quota
from crm_connector.domain import budget, circuit_breaker
from crm_connector.domain.errors import CrmUnavailableError, RateLimitedError
from crm_connector.domain.retry import Backoff, Retries

_CALLS_PER_INTERVAL, _INTERVAL_SECONDS = 90.0, 10.0
_SEARCHES_PER_SECOND = 4.0
_TEST_SECONDS = 30.0
# What HubSpot says of its day is believed for so long: its midnight is a guess, and an account's limit may be raised.
_DAY_AGAIN = 1_800.0
_MOST_RECORDS = 100
_OPEN_WAITS = Retries().breaker


class AccountBudget:
    """Lets calls go out. A thread that is over budget waits for as long as its caller allows."""

    def __init__(
        self,
        stop: threading.Event,
        time_zone: str = "UTC",
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        open_waits: Backoff = _OPEN_WAITS,
    ) -> None:
        """The daily quota ends at midnight of `time_zone`, as far as is known.

        A circuit breaker stays open for `open_waits`.
        """
        self._stop = stop
        self._time_zone = time_zone
        self.monotonic = monotonic
        self.now = now
        self._lock = threading.Lock()
        self._calls = budget.full(_CALLS_PER_INTERVAL, _INTERVAL_SECONDS, monotonic())
        self._searches = budget.full(_SEARCHES_PER_SECOND, 1.0, monotonic())
        self._breaker = circuit_breaker.CircuitBreaker(open_waits)
        self._most_writes = self._most_reads = _MOST_RECORDS
        self._daily: tuple[Quota, datetime] | None = None

    @property
    def daily(self) -> Quota | None:
        """Quota of the day, as the last answer said; None if no answer of this day, or of the last half hour, did."""
        quota, ends_at = self._daily or (None, self.now())
        return quota if self.now() < ends_at else None

    @property
    def breaker_open(self) -> bool:
        """Whether HubSpot keeps failing for this account, so that only single calls test it."""
        return self._breaker.is_open

    @property
    def most_writes(self) -> int:
        """Most records to write in one call: after each call that HubSpot failed on half as many, down to one."""
        return self._most_writes

    @property
    def most_reads(self) -> int:
        """Most records to read in one call: after each answer that came too late or was too large half as many."""
        return self._most_reads

    def note_read(self, records: int, *, slow: bool) -> None:
        """Note a call that read so many records. `slow` = the answer came too late, or was too large."""
        with self._lock:
            if slow:
                self._most_reads = max(1, records // 2)
            elif records >= self._most_reads:
                self._most_reads = min(_MOST_RECORDS, self._most_reads * 2)

    def acquire(self, send_by: float, *, search: bool = False, low_priority: bool = False) -> None:
        """Wait until a call may go out, until the monotonic time `send_by` at most. Low priority leaves a reserve.

        Raises:
            RateLimitedError: with the wait that would have been needed.
            CrmUnavailableError: if the circuit breaker is open.

        """
        daily = self.daily if low_priority else None
        if daily and daily.remaining < daily.per_day * budget.LIVE_RESERVE_OF_DAY:
            message = "The rest of HubSpot's quota of the day is kept for live work."
            raise RateLimitedError("daily_reserve", message, retry_after=self._until_next_day())
        while True:
            now = self.monotonic()
            wait = self._take(now, search=search, low_priority=low_priority)
            if wait <= 0.0:
                return self._admit(now)
            if now + wait > send_by or self._stop.is_set():
                raise RateLimitedError("rate_limited", "Our share of HubSpot's quota is used up.", retry_after=wait)
            self._stop.wait(wait)

    def note_answer(self, *, broken: bool, wrote: int = 0) -> None:
        """Note a call that wrote so many records. `broken` = there was no answer, or a server error."""
        with self._lock:
            if not broken:
                self._breaker = circuit_breaker.succeeded(self._breaker)
            else:
                self._breaker = circuit_breaker.failed(self._breaker, self.monotonic(), random.random())  # noqa: S311
            if wrote:  # so a record that HubSpot always fails on ends up alone, and the others get through
                self._most_writes = max(1, wrote // 2) if broken else min(_MOST_RECORDS, self._most_writes * 2)

    def follow_limits(self, headers: Mapping[str, str]) -> None:
        """Follow the limit that an answer announces, and note the daily quota; not every answer has both."""
        per_day, remaining = (headers.get(f"X-HubSpot-RateLimit-Daily{tail}", "") for tail in ("", "-Remaining"))
        if per_day.isdecimal() and remaining.isdecimal():
            ends_at = self.now() + timedelta(seconds=self._until_next_day())
            self._daily = Quota(int(per_day), int(remaining)), ends_at
        limit = headers.get("X-HubSpot-RateLimit-Max", "")
        interval = headers.get("X-HubSpot-RateLimit-Interval-Milliseconds", "")
        if not (limit.isdecimal() and interval.isdecimal() and int(limit) and int(interval)):
            return
        with self._lock:
            self._calls = budget.adjusted(self._calls, float(limit), int(interval) / 1000)

    def hold_back(self, error: RateLimitedError, *, search: bool = False) -> RateLimitedError:
        """Let nothing out that the error concerns, and give the error with the time that this takes."""
        daily = error.reason == "daily_limit"
        wait = self._until_next_day() if daily else error.retry_after or _INTERVAL_SECONDS
        until = self.monotonic() + wait
        with self._lock:
            if search or daily:
                self._searches = budget.blocked(self._searches, until)
            if not search or daily:
                self._calls = budget.blocked(self._calls, until)
        return RateLimitedError(error.reason, error.message, retry_after=wait)

    def _admit(self, now: float) -> None:
        with self._lock:
            self._breaker, wait = circuit_breaker.admit(self._breaker, now, _TEST_SECONDS)
        if wait > 0.0:
            raise CrmUnavailableError("crm_unavailable", "HubSpot keeps failing for this account.", retry_after=wait)

    def _take(self, now: float, *, search: bool, low_priority: bool) -> float:
        """Take a token of the right bucket, or give the seconds to wait. The ten-second limit is not for searches."""
        with self._lock:
            if search:
                self._searches, wait = budget.take(self._searches, now, low_priority=low_priority)
            else:
                self._calls, wait = budget.take(self._calls, now, low_priority=low_priority)
        return wait

    def _until_next_day(self) -> float:
        """Seconds until the portal's next day may have begun, with a new daily quota."""
        zone: tzinfo
        try:
            zone = ZoneInfo(self._time_zone)
        except (ZoneInfoNotFoundError, ValueError):  # unknown, or a system without time zones
            zone = UTC
        now = self.now()
        day_after = (now.astimezone(zone) + timedelta(days=1)).date()
        midnight = datetime(day_after.year, day_after.month, day_after.day, tzinfo=zone)
        return min(_DAY_AGAIN, max(1.0, (midnight.astimezone(UTC) - now).total_seconds()))
