"""Standing work of lead-store: a failure is seen until the next success, and no longer."""

from datetime import UTC, datetime, timedelta

import pytest
from lead_store.usecases.loops import APPLYING, MOST_KEPT, OVER_AFTER, ROUTING, Loops

START = datetime(2026, 11, 29, tzinfo=UTC)


class Clock:
    """A clock that a test moves on."""

    def __init__(self) -> None:
        self.at = START

    def __call__(self) -> datetime:
        """Give the time."""
        return self.at


@pytest.fixture
def clock() -> Clock:
    """The clock of the loops."""
    return Clock()


@pytest.fixture
def loops(clock: Clock) -> Loops:
    """Loops that have not run."""
    return Loops(clock)


def _fail(loops: Loops, name: str, of: str) -> None:
    with pytest.raises(ValueError, match="secret"), loops.watch(name, of):
        raise ValueError("secret")


def test_a_failure_stays_until_the_next_success(loops: Loops, clock: Clock) -> None:
    """It counts from the first one, and no text of an error is kept, since it may hold values."""
    for _ in range(2):
        _fail(loops, ROUTING, "hubspot/1")
        clock.at += timedelta(seconds=5)
    state = loops.get(ROUTING, "hubspot/1")
    assert state is not None
    assert (state.failing_since, state.failed_at) == (START, START + timedelta(seconds=5))
    assert (state.reason, "secret" in state.message, "ValueError" in state.message) == ("unexpected", False, True)
    assert (loops.failing_seconds(ROUTING), loops.failing_seconds(APPLYING)) == (10.0, 0.0)

    with loops.watch(ROUTING, "hubspot/1"):
        pass

    state = loops.get(ROUTING, "hubspot/1")
    assert state is not None
    assert (state.failing_since, state.succeeded_at, state.reason) == (None, clock.at, "unexpected")
    assert loops.failing_seconds(ROUTING) == 0.0


def test_what_fails_for_all_fails_for_each(loops: Loops) -> None:
    """One account's failure is its own."""
    loops.succeeded(ROUTING)
    _fail(loops, ROUTING, "hubspot/1")
    other = loops.get(ROUTING, "hubspot/2")
    assert other is not None
    assert other.failing_since is None

    _fail(loops, ROUTING, "")
    loops.succeeded(ROUTING, "hubspot/2")
    other = loops.get(ROUTING, "hubspot/2")
    assert other is not None
    assert other.failing_since == START


def test_a_failure_that_does_not_come_again_is_no_alert(loops: Loops, clock: Clock) -> None:
    """Nothing is left to do for an account whose deliveries are gone."""
    _fail(loops, ROUTING, "hubspot/1")
    clock.at += OVER_AFTER
    assert loops.failing_seconds(ROUTING) == 0.0


def test_states_are_bounded(loops: Loops) -> None:
    """Accounts that send to nobody do not fill the memory."""
    for number in range(MOST_KEPT + 2):
        loops.succeeded(ROUTING, str(number))
    assert len(loops.states) == MOST_KEPT
