"""When a work item is tried again."""

from datetime import UTC, datetime, timedelta

import pytest
from lead_store.domain.retry import (
    CRASH_LOOP_FROM,
    LEASED_ALONE_FROM,
    PRODUCTION,
    Attempts,
    Waits,
    attempt_failed,
    spread,
    without_crash_loops,
)

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_backoff_grows_to_a_limit_with_full_jitter() -> None:
    """The longest wait doubles with each attempt up to a quarter of an hour, and chance takes any part of it."""
    assert PRODUCTION.backoff(0, 0.5) == PRODUCTION.first_backoff / 2
    assert PRODUCTION.backoff(3, 0.999) < PRODUCTION.first_backoff * 8
    assert PRODUCTION.backoff(500, 1) == PRODUCTION.longest_backoff
    assert PRODUCTION.backoff(5, 0) == timedelta()


def test_a_failed_attempt_waits_at_least_as_long_as_its_worker_asks() -> None:
    """The wait that a worker asks for is the shortest one; backoff may make it longer."""
    asked = attempt_failed(0, None, MINUTE, NOW, 0.5, PRODUCTION)
    assert asked == Attempts(1, NOW, NOW + MINUTE)
    backed_off = attempt_failed(10, NOW, MINUTE, NOW, 0.5, PRODUCTION)
    assert backed_off == Attempts(11, NOW, NOW + PRODUCTION.longest_backoff / 2)


def test_work_has_failed_after_a_day_of_failed_attempts() -> None:
    """Counted from the first of them, and not before the day is over."""
    since = NOW - PRODUCTION.give_up
    assert attempt_failed(7, since, MINUTE, NOW, 0, PRODUCTION).due_at == NOW + MINUTE
    assert attempt_failed(7, since - timedelta(milliseconds=1), MINUTE, NOW, 0, PRODUCTION) == Attempts(
        8, since - timedelta(milliseconds=1), None
    )


@pytest.mark.parametrize(
    ("asked", "granted"), [(-MINUTE, timedelta()), (MINUTE, MINUTE), (timedelta(days=9), timedelta(days=1))]
)
def test_a_worker_is_granted_a_wait_of_a_day_at_most(asked: timedelta, granted: timedelta) -> None:
    """Whatever it asks for."""
    assert PRODUCTION.bounded(asked) == granted


def test_r2_r14_what_has_to_pass_before_a_reading_proves_something() -> None:
    """The read lag after a lease that had a write, and some time between two absent readings."""
    assert PRODUCTION.write_is_over(NOW) == NOW + PRODUCTION.read_lag
    assert PRODUCTION.absence_proven(NOW) == NOW + PRODUCTION.absent_apart


def test_failed_work_becomes_due_so_many_in_a_second() -> None:
    """Or all at once where no rate is given."""
    assert spread(NOW, 3, 2) == [NOW, NOW + timedelta(seconds=0.5), NOW + timedelta(seconds=1)]
    assert spread(NOW, 2, 0) == [NOW, NOW]


def test_work_that_may_end_its_worker_is_leased_alone_and_in_the_end_not_at_all() -> None:
    """The first of those whose claims came to no end is leased alone, behind it the others wait."""
    assert without_crash_loops([("a", 0), ("b", LEASED_ALONE_FROM - 1)]) == (["a", "b"], [])
    assert without_crash_loops([("a", LEASED_ALONE_FROM), ("b", 0)]) == (["a"], [])
    assert without_crash_loops([("a", 0), ("b", LEASED_ALONE_FROM)]) == (["a"], [])
    assert without_crash_loops([("a", CRASH_LOOP_FROM), ("b", CRASH_LOOP_FROM - 1)]) == (["b"], ["a"])
    assert without_crash_loops([]) == ([], [])


def test_tests_may_divide_every_wait() -> None:
    """Each wait is shorter by the same factor."""
    halved = PRODUCTION.divided_by(2)
    assert all(getattr(halved, name) * 2 == getattr(PRODUCTION, name) for name in Waits.__dataclass_fields__)
