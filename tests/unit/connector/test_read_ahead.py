"""Pages of imports that are read before their turn."""

import gc
import threading
import weakref

import pytest
from crm_connector.crm import Page
from crm_connector.domain.errors import CrmUnavailableError
from crm_connector.usecases.read_ahead import MOST_PAGES, USED_WITHIN, PageKey, PageRead, ReadAhead

KEY = PageKey("100", 1)
READ = PageRead(Page((), "200"), 1)


class World:
    """A clock, and pages that are read ahead."""

    def __init__(self) -> None:
        self.seconds = 1_000.0
        self.ahead = ReadAhead(lambda: self.seconds)


def test_a_page_is_given_once_to_its_run() -> None:
    """And only at the position and with the mapping that it was read for."""
    world = World()
    for asked in (KEY, PageKey("200", 1), PageKey("100", 2)):
        world.ahead.begin("run", KEY, lambda: READ)
        assert world.ahead.take("other", KEY) is None
        assert world.ahead.take("run", asked) == (READ if asked == KEY else None)
        assert world.ahead.take("run", KEY) is None


def test_a_page_that_is_being_read_is_waited_for() -> None:
    """The turn that needs it does not read it a second time."""
    world, go = World(), threading.Event()

    def read() -> PageRead:
        go.wait(10)
        return READ

    world.ahead.begin("run", KEY, read)
    threading.Timer(0.05, go.set).start()
    assert world.ahead.take("run", KEY) == READ


def test_what_reading_raised_is_raised_at_the_turn() -> None:
    """Once: the turn after it reads again."""
    world = World()

    def read() -> PageRead:
        raise CrmUnavailableError("crm_unavailable", "away")

    world.ahead.begin("run", KEY, read)
    with pytest.raises(CrmUnavailableError):
        world.ahead.take("run", KEY)
    assert world.ahead.take("run", KEY) is None


def test_a_page_is_not_used_when_it_is_too_old() -> None:
    """R8: lead-store takes a page to be at most a minute old."""
    world = World()
    world.ahead.begin("run", KEY, lambda: READ)
    world.seconds += USED_WITHIN
    assert world.ahead.take("run", KEY) is None


def test_nothing_is_read_ahead_where_many_runs_take_turns() -> None:
    """Its page would be too old at its turn, and the call for nothing; when they have ended it is again."""
    world, read = World(), list[str]()

    def reading(run_id: str) -> PageRead:
        read.append(run_id)
        return READ

    runs = [f"run{n}" for n in range(MOST_PAGES + 2)]
    for run_id in runs:
        world.ahead.begin(run_id, KEY, lambda run_id=run_id: reading(run_id))  # type: ignore[misc]
    taken = [run_id for run_id in runs if world.ahead.take(run_id, KEY)]
    assert sorted(read) == taken == runs[:MOST_PAGES]

    for run_id in runs[2:]:
        world.ahead.drop(run_id)
    world.ahead.begin("run0", KEY, lambda: READ)
    assert world.ahead.take("run0", KEY) == READ


def test_a_dropped_page_is_not_given() -> None:
    """So nothing is kept of a run that has ended."""
    world = World()
    world.ahead.begin("run", KEY, lambda: READ)
    world.ahead.drop("run")
    assert world.ahead.take("run", KEY) is None


def test_a_page_that_nobody_takes_is_forgotten() -> None:
    """The next page of a run that was cancelled between two turns is not kept in memory for ever."""

    class Record:
        """A record of the page."""

    world, kept = World(), list[weakref.ref[Record]]()

    def read() -> PageRead:
        record = Record()
        kept.append(weakref.ref(record))
        return PageRead(Page((record,), "200"), 1)  # type: ignore[arg-type]

    world.ahead.begin("cancelled", KEY, read)
    for thread in threading.enumerate():
        if thread.name == "read-ahead":
            thread.join()
    assert kept[0]() is not None
    world.seconds += USED_WITHIN + 1
    world.ahead.begin("other", KEY, lambda: READ)
    gc.collect()
    assert kept[0]() is None
