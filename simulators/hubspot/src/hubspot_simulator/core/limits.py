"""Rate limits: calls in any ten seconds per token, searches a second and calls a day per account."""

from collections import deque
from dataclasses import dataclass, field
from uuid import uuid4

from hubspot_simulator.core.clock import Clock
from hubspot_simulator.core.errors import ApiError

_DAY_MS = 86_400_000


@dataclass(slots=True)
class Window:
    """The moments of the calls inside a rolling window."""

    span_ms: int
    moments: deque[int] = field(default_factory=deque)

    def count(self, now_ms: int) -> int:
        """How many calls lie in the window that ends now."""
        while self.moments and self.moments[0] <= now_ms - self.span_ms:
            self.moments.popleft()
        return len(self.moments)


class RateLimiter:
    """Counts calls and refuses those above a limit; 0 means no limit. Never a Retry-After."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tokens: dict[str, Window] = {}
        self._searches: dict[int, Window] = {}
        self._days: dict[tuple[int, int], int] = {}
        self.per_ten_seconds = 190
        self.searches_per_second = 5
        self.per_day = 625_000

    def admit(self, token: str, app_id: int, portal_id: int, search: bool) -> dict[str, str]:
        """Count a call and answer its rate limit headers, or refuse it with 429."""
        now = self._clock.now_ms()
        day = (portal_id, now // _DAY_MS)
        used_today = self._days.get(day, 0)
        if self.per_day and used_today >= self.per_day:
            raise _too_many("You have reached your daily limit.", "DAILY", {"requestId": str(uuid4())})
        if search:
            self._admit_search(portal_id, now)
        else:
            self._admit_call(token, app_id, now)
        self._days[day] = used_today + 1
        return self._headers(token, used_today + 1, search, now)

    def _admit_search(self, portal_id: int, now: int) -> None:
        window = self._searches.setdefault(portal_id, Window(1_000))
        if self.searches_per_second and window.count(now) >= self.searches_per_second:
            raise ApiError(429, "RATE_LIMITS", "You have reached your secondly limit.")
        window.moments.append(now)

    def _admit_call(self, token: str, app_id: int, now: int) -> None:
        window = self._tokens.setdefault(token, Window(10_000))
        if self.per_ten_seconds and window.count(now) >= self.per_ten_seconds:
            group = f"publicapi:private-app-api-calls-ten-secondly:{app_id}"
            message = "You have reached your ten_secondly_rolling limit."
            raise _too_many(message, "TEN_SECONDLY_ROLLING", {"groupName": group})
        window.moments.append(now)

    def _headers(self, token: str, used_today: int, search: bool, now: int) -> dict[str, str]:
        """The headers of the usage guidelines; a search answer has only the daily ones (recorded)."""
        headers: dict[str, str] = {}
        if self.per_day:
            headers["X-HubSpot-RateLimit-Daily"] = str(self.per_day)
            headers["X-HubSpot-RateLimit-Daily-Remaining"] = str(self.per_day - used_today)
        if not search and self.per_ten_seconds:
            left = self.per_ten_seconds - self._tokens[token].count(now)
            headers["X-HubSpot-RateLimit-Max"] = str(self.per_ten_seconds)
            headers["X-HubSpot-RateLimit-Remaining"] = str(left)
            headers["X-HubSpot-RateLimit-Interval-Milliseconds"] = "10000"
        return headers


def _too_many(message: str, policy: str, more: dict[str, str]) -> ApiError:
    return ApiError(429, None, message, extra={"errorType": "RATE_LIMIT", "policyName": policy} | more)
