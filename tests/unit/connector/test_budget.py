"""The API quota as pure arithmetic."""

import pytest
from crm_connector.domain import budget


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
    """A CRM announcing 190 per ten seconds raises the limit to 90 % of that, 100 lowers it again."""
    bucket = budget.adjusted(budget.full(90, 10, 0.0), 190, 10)

    assert pytest.approx(bucket.limit) == 171
    assert pytest.approx(budget.adjusted(bucket, 100, 10).limit) == 90


def test_a_blocked_bucket_lets_nothing_out_before_its_time() -> None:
    """After a 429 nothing goes out until the wait is over, and then not a whole burst."""
    bucket = budget.blocked(budget.full(90, 10, 0.0), 10.0)

    assert budget.take(bucket, 0.0)[1] == 10.0
    assert len(_calls_from(budget.take(bucket, 9.9)[0], 10.0)) < 90
