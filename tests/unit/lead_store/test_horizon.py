"""How far the router looks."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from lead_store.usecases.horizon import LONGEST, SHORTEST, Horizon

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
MOST = 20


def look(waiting: list[datetime], horizon: Horizon) -> int:
    """Route what one look finds; how much that was."""
    found = [at for at in waiting if at <= horizon.until][:MOST]
    del waiting[: len(found)]
    return len(found)


@given(st.lists(st.integers(0, 10_000_000), max_size=300), st.integers(0, 10_000_000))
def test_nothing_that_was_there_is_left(recorded: list[int], late_ms: int) -> None:
    """Wherever the deliveries lie, as long as they lie before now, looking ends, and then all of them were found."""
    waiting = sorted(NOON + timedelta(milliseconds=ms) for ms in recorded)
    now = max(waiting, default=NOON) + timedelta(milliseconds=late_ms)
    horizon, looks = Horizon(min(waiting, default=now)), 1
    while horizon.move(look(waiting, horizon), MOST, now):
        looks += 1
    assert waiting == []
    assert horizon.until == now
    assert looks < 500


def test_a_full_look_is_repeated_with_a_shorter_step() -> None:
    """Where much waits, the next look goes no further before that is gone, and then less far."""
    horizon = Horizon(NOON)
    assert horizon.move(MOST, MOST, NOON + timedelta(hours=1))
    assert (horizon.until, horizon.step) == (NOON, timedelta(milliseconds=500))
    for _ in range(20):
        horizon.move(MOST, MOST, NOON)
    assert horizon.step == SHORTEST


def test_a_look_that_finds_little_goes_further_next_time() -> None:
    """A day without events takes a few looks."""
    horizon, looks = Horizon(NOON), 1
    while horizon.move(0, MOST, NOON + timedelta(days=3)):
        looks += 1
    assert looks < 25
    assert horizon.step == LONGEST


def test_it_never_goes_back() -> None:
    """A clock that was set back is waited for."""
    horizon = Horizon(NOON)
    assert not horizon.move(0, MOST, NOON - timedelta(hours=1))
    assert horizon.until == NOON
