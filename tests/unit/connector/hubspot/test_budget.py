"""The quota and the circuit breaker of an account, which all threads share."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from crm_connector.domain import circuit_breaker
from crm_connector.domain.errors import CrmUnavailableError, RateLimitedError
from crm_connector.providers.hubspot.budget import AccountBudget


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
    account.hold_back(RateLimitedError("rate_limited", retry_after=10.0))

    with pytest.raises(RateLimitedError) as caught:
        account.acquire(send_by=105.0)

    assert caught.value.retry_after == 10.0


def test_searches_have_a_bucket_of_their_own() -> None:
    """A search over its limit holds back searches only."""
    clock = Clock()
    account = AccountBudget(threading.Event(), monotonic=clock)
    account.hold_back(RateLimitedError("rate_limited", retry_after=1.0), search=True)

    account.acquire(send_by=100.0)
    with pytest.raises(RateLimitedError):
        account.acquire(send_by=100.0, search=True)


def test_the_daily_limit_waits_for_midnight_in_the_portal() -> None:
    """The daily quota begins again at midnight of the portal's time zone, summer time included."""
    evening = datetime(2026, 7, 1, 21, 50, tzinfo=UTC)  # 23:50 in Berlin
    account = AccountBudget(threading.Event(), "Europe/Berlin", monotonic=Clock(), now=lambda: evening)

    assert account.hold_back(RateLimitedError("daily_limit")).retry_after == 600.0
    with pytest.raises(RateLimitedError):
        account.acquire(send_by=200.0, search=True)


@pytest.mark.parametrize("hour", [0, 21])
def test_the_daily_limit_is_tried_again_after_half_an_hour(hour: int) -> None:
    """Whose midnight it is may be unknown, and HubSpot's clock may be behind ours when it has just passed."""
    clock, now = Clock(), datetime(2026, 7, 1, hour, 0, 5, tzinfo=UTC)
    account = AccountBudget(threading.Event(), "UTC", monotonic=clock, now=lambda: now)

    assert account.hold_back(RateLimitedError("daily_limit")).retry_after == 1800.0
    clock.now += 1801.0
    account.acquire(send_by=clock.now)


def test_headers_without_numbers_change_nothing() -> None:
    """A missing or strange rate limit header is ignored."""
    account = AccountBudget(threading.Event(), monotonic=Clock())

    for headers in ({}, {"X-HubSpot-RateLimit-Max": "many"}, {"X-HubSpot-RateLimit-Max": "0"}):
        account.follow_limits(headers)

    account.acquire(send_by=100.0)


def test_an_unknown_time_zone_counts_as_utc() -> None:
    """A zone that this machine does not know delays nothing for ever."""
    night = datetime(2026, 7, 1, 23, 50, tzinfo=UTC)
    account = AccountBudget(threading.Event(), "Mars/Olympus", monotonic=Clock(), now=lambda: night)

    assert account.hold_back(RateLimitedError("daily_limit")).retry_after == 600.0


def test_an_account_that_keeps_failing_is_not_called() -> None:
    """The budget of an account refuses at once while its circuit breaker is open, and says for how long."""
    account = AccountBudget(threading.Event(), monotonic=lambda: 100.0)
    for _ in range(circuit_breaker.FAILURES):
        account.acquire(send_by=100.0)
        account.note_answer(broken=True)
    assert account.breaker_open
    with pytest.raises(CrmUnavailableError) as caught:
        account.acquire(send_by=200.0)
    assert 0.0 < (caught.value.retry_after or 0.0) <= 5.0


def test_a_write_that_hubspot_fails_on_ends_up_alone() -> None:
    """After a batch that failed the next are half as large, down to one record; each success doubles them again."""
    account = AccountBudget(threading.Event(), monotonic=lambda: 100.0)
    sizes = []
    for _ in range(4):
        account.note_answer(broken=True, wrote=min(8, account.most_writes))
        sizes.append(account.most_writes)
    assert sizes == [4, 2, 1, 1]
    account.note_answer(broken=False, wrote=1)
    assert account.most_writes == 2
    account.note_answer(broken=True)
    assert account.most_writes == 2


def test_runs_and_sweeps_leave_a_reserve_to_live_work() -> None:
    """When low priority has taken all that it may, live calls still go out at once."""
    account = AccountBudget(threading.Event(), monotonic=lambda: 100.0)
    for _ in range(21):  # of a burst of thirty
        account.acquire(send_by=100.0, low_priority=True)
    with pytest.raises(RateLimitedError):
        account.acquire(send_by=100.0, low_priority=True)
    for _ in range(5):
        account.acquire(send_by=100.0)


def test_the_rest_of_a_day_is_kept_for_live_work() -> None:
    """With a tenth of the day's quota left, only live work may call."""
    account = AccountBudget(threading.Event(), monotonic=lambda: 100.0)
    account.follow_limits({"X-HubSpot-RateLimit-Daily": "1000", "X-HubSpot-RateLimit-Daily-Remaining": "99"})
    account.acquire(send_by=100.0)
    with pytest.raises(RateLimitedError) as caught:
        account.acquire(send_by=100.0, low_priority=True)
    assert caught.value.reason == "daily_reserve"
    assert (caught.value.retry_after or 0.0) > 1.0


def test_the_rest_of_a_day_is_looked_up_again_after_half_an_hour() -> None:
    """While no live work calls, low priority does, and so learns of a day that began at another hour."""
    clock = [datetime(2026, 7, 1, 12, 0, tzinfo=UTC)]
    account = AccountBudget(threading.Event(), monotonic=lambda: 100.0, now=lambda: clock[0])
    account.follow_limits({"X-HubSpot-RateLimit-Daily": "1000", "X-HubSpot-RateLimit-Daily-Remaining": "99"})
    with pytest.raises(RateLimitedError):
        account.acquire(send_by=100.0, low_priority=True)
    clock[0] += timedelta(seconds=1801)
    account.acquire(send_by=100.0, low_priority=True)


def test_the_next_day_begins_with_a_quota_of_its_own() -> None:
    """After the portal's midnight low priority calls again, though live work has not read the quota."""
    clock = [datetime(2026, 7, 1, 21, 0, tzinfo=UTC)]
    account = AccountBudget(threading.Event(), "Europe/Berlin", monotonic=lambda: 100.0, now=lambda: clock[0])
    account.follow_limits({"X-HubSpot-RateLimit-Daily": "1000", "X-HubSpot-RateLimit-Daily-Remaining": "99"})
    with pytest.raises(RateLimitedError) as caught:
        account.acquire(send_by=100.0, low_priority=True)
    clock[0] += timedelta(seconds=caught.value.retry_after or 0.0)
    account.acquire(send_by=100.0, low_priority=True)
    assert account.daily is None
