"""The API quota as pure arithmetic, and its use by threads."""

import threading
from datetime import UTC, datetime

import pytest
from crm_connector.domain import budget
from crm_connector.domain.errors import RateLimitedError
from crm_connector.hubspot.budget import AccountBudget


def _calls_until(bucket: budget.Bucket, end: float) -> list[float]:
    """Call as early as the bucket allows; the times of the calls."""
    now, calls = 0.0, []
    while now < end:
        bucket, wait = budget.take(bucket, now)
        if wait:
            now += wait
        else:
            calls.append(now)
    return calls


def test_no_rolling_interval_sees_more_than_the_limit() -> None:
    """However greedily it is used, a bucket of 90 per ten seconds lets 90 through in any ten seconds at most."""
    calls = _calls_until(budget.full(90, 10, 0.0), 60.0)

    assert max(sum(start <= at < start + 10 for at in calls) for start in calls) <= 90
    assert len(calls) > 60 / 10 * 50


def test_an_idle_bucket_is_full_again_and_no_fuller() -> None:
    """Waiting long saves up a burst, not more."""
    bucket = budget.full(90, 10, 0.0)
    for _ in range(30):
        bucket, _ = budget.take(bucket, 0.0)

    assert budget.take(bucket, 0.0)[1] > 0
    assert sum(at == 1000.0 for at in _calls_from(bucket, 1000.0)) == 30


def _calls_from(bucket: budget.Bucket, now: float) -> list[float]:
    calls: list[float] = []
    while True:
        bucket, wait = budget.take(bucket, now)
        if wait:
            return calls
        calls.append(now)


def test_an_announced_limit_is_followed_with_a_margin() -> None:
    """HubSpot announcing 190 per ten seconds raises the limit to 90 % of that, 100 lowers it again."""
    bucket = budget.adjusted(budget.full(90, 10, 0.0), 190, 10)

    assert pytest.approx(bucket.limit) == 171
    assert pytest.approx(budget.adjusted(bucket, 100, 10).limit) == 90


def test_a_blocked_bucket_lets_nothing_out_before_its_time() -> None:
    """After a 429 nothing goes out until the wait is over, and then not a whole burst."""
    bucket = budget.blocked(budget.full(90, 10, 0.0), 10.0)

    assert budget.take(bucket, 0.0)[1] == 10.0
    assert len(_calls_from(budget.take(bucket, 9.9)[0], 10.0)) < 90


class Clock:
    """A monotonic clock that a test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """Give the time."""
        return self.now


def test_a_wait_that_is_not_allowed_is_an_error() -> None:
    """A call whose turn comes after its deadline fails at once and says when to try again."""
    clock = Clock()
    account = AccountBudget(threading.Event(), monotonic=clock)
    account.exhausted(RateLimitedError("rate_limited", retry_after=10.0))

    with pytest.raises(RateLimitedError) as caught:
        account.acquire(send_by=105.0)

    assert caught.value.retry_after == 10.0


def test_searches_have_a_bucket_of_their_own() -> None:
    """A search over its limit holds back searches only."""
    clock = Clock()
    account = AccountBudget(threading.Event(), monotonic=clock)
    account.exhausted(RateLimitedError("rate_limited", retry_after=1.0), search=True)

    account.acquire(send_by=100.0)
    with pytest.raises(RateLimitedError):
        account.acquire(send_by=100.0, search=True)


def test_the_daily_limit_waits_for_midnight_in_the_portal() -> None:
    """The daily quota begins anew at midnight of the portal's time zone, summer time included."""
    evening = datetime(2026, 7, 1, 21, 0, tzinfo=UTC)  # 23:00 in Berlin
    account = AccountBudget(threading.Event(), "Europe/Berlin", monotonic=Clock(), now=lambda: evening)

    assert account.exhausted(RateLimitedError("daily_limit")).retry_after == 3600.0
    with pytest.raises(RateLimitedError):
        account.acquire(send_by=200.0, search=True)


def test_headers_without_numbers_change_nothing() -> None:
    """A missing or strange rate limit header is ignored."""
    account = AccountBudget(threading.Event(), monotonic=Clock())

    for headers in ({}, {"X-HubSpot-RateLimit-Max": "many"}, {"X-HubSpot-RateLimit-Max": "0"}):
        account.learn(headers)

    account.acquire(send_by=100.0)


def test_an_unknown_time_zone_counts_as_utc() -> None:
    """A zone that this machine does not know delays nothing for ever."""
    evening = datetime(2026, 7, 1, 21, 0, tzinfo=UTC)
    account = AccountBudget(threading.Event(), "Mars/Olympus", monotonic=Clock(), now=lambda: evening)

    assert account.exhausted(RateLimitedError("daily_limit")).retry_after == 3 * 3600.0
