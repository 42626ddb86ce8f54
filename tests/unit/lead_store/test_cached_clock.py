"""The database's clock, asked seldom."""

from datetime import UTC, datetime, timedelta

from lead_store.mongo.cached_clock import OLDEST, CachedClock

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


class World:
    """A database's clock and a steady one."""

    def __init__(self) -> None:
        self.seconds, self.asked, self.answer_takes = 5_000.0, 0, 0.0

    def ask(self) -> datetime:
        """The database looks at its clock, and the answer takes its way."""
        self.asked += 1
        answer = NOON + timedelta(seconds=self.seconds)
        self.seconds += self.answer_takes
        return answer

    def clock(self) -> CachedClock:
        """A clock in this world."""
        return CachedClock(self.ask, lambda: self.seconds)


def test_the_time_moves_on_between_two_answers() -> None:
    """Within a second the database is asked once, and time passes all the same."""
    world = World()
    clock = world.clock()
    began = clock.now()
    world.seconds += OLDEST / 2
    assert (clock.now() - began, world.asked) == (timedelta(seconds=OLDEST / 2), 1)


def test_the_database_is_asked_again() -> None:
    """A clock that was set right, or a new primary's clock, counts within a second."""
    world = World()
    clock = world.clock()
    clock.now()
    world.seconds += OLDEST + 0.1
    assert (clock.now(), world.asked) == (NOON + timedelta(seconds=world.seconds), 2)


def test_it_is_never_ahead_of_the_database() -> None:
    """However long an answer takes, the time is at most so much behind."""
    world = World()
    world.answer_takes = 0.25
    clock = world.clock()
    for _ in range(20):
        answer, truth = clock.now(), NOON + timedelta(seconds=world.seconds)
        assert truth - timedelta(seconds=world.answer_takes, milliseconds=1) <= answer <= truth
        world.seconds += 0.1
