"""Which integrations a look asks: none with work waits longer than a round, and one with news is asked at once."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from lead_store.domain.looks import News
from lead_store.usecases.looks import Looks

START = datetime(2026, 1, 1, tzinfo=UTC)
EVERY = timedelta(seconds=30)
NAMES = ("a", "b", "c", "d")


@dataclass
class World:
    """A database: the times at which work of integrations becomes ready, and their news."""

    names: tuple[str, ...] = NAMES
    ready: dict[str, list[datetime]] = field(default_factory=dict)
    noted: Counter[str] = field(default_factory=Counter)
    seconds: float = 1_000.0  # of a clock that nobody sets
    set_by: timedelta = timedelta()  # how far the database's clock was set
    asked: Counter[str] = field(default_factory=Counter)

    @property
    def now(self) -> datetime:
        """The time of the database."""
        return START + timedelta(seconds=self.seconds) + self.set_by

    def search(self, name: str, now: datetime, ahead: timedelta, of_runs: bool) -> datetime | None:
        """What `ReadyWork.first` answers."""
        self.asked[name] += not of_runs
        return min((at for at in self.ready.get(name, []) if at <= now + ahead), default=None)

    def process(self) -> Looks:
        """A process that looks for work in this world."""
        return Looks(self.search, EVERY, lambda: self.seconds)

    def look(self, process: Looks) -> list[str]:
        """The integrations in which a process finds work."""
        now = self.now
        return [name for name in self.names if process.has_work(name, News(self.noted[name], 0), now, of_runs=False)]

    def is_ready(self, name: str) -> bool:
        """Whether an integration has work that can be handed out."""
        return any(at <= self.now for at in self.ready.get(name, []))

    @contextmanager
    def counted(self) -> Iterator[Counter[str]]:
        """Count who is asked."""
        self.asked.clear()
        yield self.asked


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("touch"), st.sampled_from(NAMES), st.integers(-5, 90), st.booleans()),
        st.tuples(st.just("take"), st.sampled_from(NAMES), st.just(0), st.just(False)),
        st.tuples(st.just("set clock"), st.just(""), st.integers(-4_000, 4_000), st.just(False)),
        st.tuples(st.just("look"), st.sampled_from(["0", "1"]), st.integers(1, 80), st.just(False)),
    ),
    max_size=60,
)


@given(STEPS)
def test_no_work_waits_for_longer_than_a_round(steps: list[tuple[str, str, int, bool]]) -> None:
    """Whatever two processes looked at, whatever news were lost and wherever the database's clock was set.

    Work is found at the first look after it is ready if its news came, and otherwise a round later at most.
    """
    world = World()
    processes = {"0": world.process(), "1": world.process()}
    late_from: dict[str, float] = {}  # by integration: since when something is ready or has changed without news
    for what, name, number, noted in steps:
        if what == "touch":
            world.ready.setdefault(name, []).append(world.now + timedelta(seconds=number))
            world.noted[name] += noted
            if not noted:
                late_from[name] = world.seconds
        elif what == "take":
            world.ready.pop(name, None)  # handed out and done
        elif what == "set clock":
            world.set_by += timedelta(seconds=number)
            late_from |= dict.fromkeys(NAMES, world.seconds)
        else:
            world.seconds += number / 8
            found = world.look(processes[name])
            for one in NAMES:
                if world.is_ready(one) and world.seconds - late_from.get(one, 0) > EVERY.total_seconds():
                    assert one in found
                assert one not in found or world.is_ready(one)


@given(st.integers(0, 29), st.integers(1, 29))
def test_news_are_found_at_the_next_look_of_every_process(first: int, later: int) -> None:
    """Also by a process that has just found nothing, and once only."""
    world = World()
    processes = [world.process(), world.process()]
    for process in processes:
        assert world.look(process) == []
        world.seconds += first / 10
    world.ready["b"] = [world.now]
    world.noted["b"] += 1
    world.seconds += later / 1_000
    assert [world.look(process) for process in processes] == [["b"], ["b"]]


def test_what_was_found_to_wait_is_asked_for_when_it_is_ready() -> None:
    """Not before, and no turn later."""
    world = World(names=("a",))
    process = world.process()
    world.ready["a"] = [world.now + timedelta(seconds=4)]
    assert world.look(process) == []
    before = world.asked["a"]
    world.seconds += 3.9
    assert (world.look(process), world.asked["a"] - before <= 1) == ([], True)  # its turn may have come
    world.seconds += 0.1
    assert world.look(process) == ["a"]


def test_idle_integrations_are_asked_once_in_a_round_a_few_at_each_look() -> None:
    """A thousand of them, looked at twice a second: none is left out, and no look asks many."""
    world = World(names=tuple(f"integration-{number}" for number in range(1_000)))
    process, most = world.process(), 0
    assert world.look(process) == []
    with world.counted() as in_the_round:
        whole = Counter[str]()
        for _ in range(60):
            world.seconds += 0.5
            in_the_round.clear()
            world.look(process)
            most = max(most, in_the_round.total())
            whole.update(in_the_round)
    assert set(whole.values()) == {1}
    assert len(whole) == 1_000
    assert most <= 40  # 17 if they were spread evenly


def test_what_is_remembered_is_bounded() -> None:
    """Integrations that nobody asks for any more are forgotten within two rounds."""
    world = World(names=("gone", "stays"))
    process = world.process()
    world.look(process)
    world.names = ("stays",)
    for _ in range(5):
        world.seconds += 16
        world.look(process)
    assert {name for name, _ in process._idle} == {"stays"}
