"""The queue protocol on the real storage: after a crash or a stall at any command nothing is lost or done twice.

Tests try every third command, full tests and `make prove` each one.
"""

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from functools import partial

import pytest
from integration.lead_store.queue.invariants import broken
from integration.lead_store.queue.process import Died, Process
from integration.lead_store.queue.story import Story
from lead_store.mongo.client import Document, open_database
from lead_store.mongo.indexes import ensure_indexes
from lead_store.mongo.transaction import Contended
from proof import limits
from pymongo import MongoClient

LONG = timedelta(seconds=60)
SHORT = timedelta(milliseconds=150)  # a stalled worker's lease has to end while it is stalled
STALL_SECONDS = 0.3  # how long others may be kept waiting by a stalled transaction before it goes on
Tell = Callable[[timedelta], Story]


@pytest.fixture(scope="module")
def story(mongo_url: str) -> Iterator[Tell]:
    """Give a function that begins a story with leases of some length; each is a tenant of its own."""
    with MongoClient[Document](mongo_url, tz_aware=True) as client:
        database = open_database(client, f"queue_{uuid.uuid4().hex[:8]}")
        ensure_indexes(database)

        def begin(lease: timedelta) -> Story:
            begun = Story(mongo_url, database, lease)
            begun.begin()
            return begun

        yield begin
        client.drop_database(database.name)


def finish(story: Story, attempts: int) -> list[str]:
    """Let a fresh process do what is left; name the invariants that do not hold then."""
    with story.process("finisher").open() as process:
        try:
            story.drain(process)
        except AssertionError as error:
            return [str(error)]
    story.end()
    return broken(story, attempts)


def run(story: Story, crashes: list[int]) -> list[str]:
    """Play a story whose processes die one after another, each at its own step; gives where they died."""
    places, waiting, after = [], list(crashes), [*story.requests(), story.turn]
    while after:
        with story.process(at=waiting.pop(0) if waiting else -1).open() as process:
            try:
                while after:
                    after[0](process)
                    after.pop(0)
            except Died:
                places.append(process.wire.names[-1] if process.wire.names else "start")
        story.time_passes()
    return places


def played(story: Story) -> tuple[list[str], int]:
    """The steps of a process that plays a whole story undisturbed, and at which of them a worker's turn begins."""
    with story.process().open() as process:
        for request in story.requests():
            request(process)
        turn = len(process.wire.names)
        story.turn(process)
        names = list(process.wire.names)
    assert not finish(story, 1)
    assert len(names) > 50, f"only {len(names)} steps: the story has lost most of the protocol"
    return names, turn


def spread(places: list[int]) -> list[int]:
    """All places where they are searched in full, else every third and the last."""
    return places if limits.FULL else sorted({*places[::3], *places[-1:]})


def is_read(name: str) -> bool:
    """Whether a step leaves everything as it was."""
    return name.startswith(("find ", "hello "))


def after_changes(names: list[str]) -> list[int]:
    """Where a crash leaves something else than a crash one step earlier: after each step that is not a read."""
    return [at for at in range(len(names) + 1) if at == 0 or not is_read(names[at - 1])]


def before_changes(names: list[str]) -> list[int]:
    """Where what others do in between matters most: all has been read, and the next step changes something."""
    return [at for at, name in enumerate(names) if not is_read(name)]


def test_a_crash_after_any_change_loses_and_doubles_nothing(story: Tell) -> None:
    """Record → route → lease → reconcile → write → settle → release, cut off before each command in turn."""
    (names, _), wrong = played(story(LONG)), []
    for at in spread(after_changes(names)):
        current = story(LONG)
        places = run(current, [at])
        wrong += [f"died at step {at}, after {places}: {fault}" for fault in finish(current, 2)]
    assert not wrong, "\n".join(wrong)


def test_a_second_crash_while_the_first_is_mended_loses_and_doubles_nothing(story: Tell) -> None:
    """Two processes die one after the other: the second after every change, the first having left most behind."""
    (names, _), wrong = played(story(LONG)), []
    written = max(at for at, name in enumerate(names) if name.startswith("CRM")) + 1
    for at in spread([*range(0, written, 4)]):
        current = story(LONG)
        places = run(current, [written, at])  # the first one has written to the CRM, and not settled
        wrong += [f"died after {places}: {fault}" for fault in finish(current, 3)]
    assert not wrong, "\n".join(wrong)


def test_an_event_in_the_middle_of_a_workers_turn_is_not_lost(story: Tell) -> None:
    """Two records change, and their event is routed, before each change in turn that a worker's turn makes."""
    (names, turn), wrong = played(story(LONG)), []
    for at in spread(before_changes(names[turn:])):
        current = story(LONG)
        place = play_together(current, at, current.interrupt)
        wrong += [f"an event at step {at}, {place}: {fault}" for fault in finish(current, 2)]
    assert not wrong, "\n".join(wrong)


def test_a_worker_that_stalls_while_another_takes_over_does_no_harm(story: Tell) -> None:
    """A worker is held up before each change in turn until its lease is over and another has done the work."""
    (names, turn), wrong = played(story(LONG)), []
    for at in spread(before_changes(names[turn:])):
        current = story(SHORT)
        place = play_together(current, at, partial(take_over, current))
        wrong += [f"stalled at step {at}, {place}: {fault}" for fault in finish(current, 3)]
    assert not wrong, "\n".join(wrong)


def play_together(story: Story, at: int, other: Callable[[Process], object]) -> str:
    """Hold a worker up at a step of its turn, let somebody else act meanwhile, then let it go on; gives the place."""
    with story.process().open() as people:
        for request in story.requests():
            request(people)
    stalled, go_on = threading.Event(), threading.Event()

    def stall() -> None:
        stalled.set()
        go_on.wait(10)

    with story.process("slow", at, stall).open() as slow, story.process("quick").open() as quick:
        first = threading.Thread(target=story.turn, args=(slow,), name="slow")
        first.start()
        while first.is_alive() and not stalled.wait(0.01):
            pass
        place = f"after {slow.wire.names[-1:]}"
        second = threading.Thread(target=other, args=(quick,), name="quick")
        second.start()
        second.join(STALL_SECONDS)  # it may have to wait for what the first holds in its transaction
        go_on.set()
        first.join(10)
        second.join(10)
        assert not first.is_alive(), place
        assert not second.is_alive(), place
    return place


def take_over(story: Story, process: Process) -> None:
    """Work as soon as the leases of the other worker are over; what loses against it waits for the next round."""
    for _ in range(20):
        with suppress(Contended):
            if story.turn(process):
                return
        threading.Event().wait(SHORT.total_seconds() / 10)
