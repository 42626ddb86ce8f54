"""Which integrations a process is busy with."""

import pytest
from crm_connector.usecases.busy import Busy

BATCHING_SECONDS = 0.25


class World:
    """A clock, and a process that looks at it."""

    def __init__(self) -> None:
        self.seconds = 1_000.0
        self.busy = Busy(BATCHING_SECONDS, lambda: self.seconds)


def test_an_integration_is_left_alone_for_a_while_after_its_job_began() -> None:
    """So that a burst becomes one batch; however short the job was, and as long as it runs."""
    world = World()
    world.busy.begin("short")
    world.busy.begin("long")
    world.busy.end("short")
    assert world.busy.now() == ["long", "short"]
    world.seconds += BATCHING_SECONDS + 0.01
    assert world.busy.now() == ["long"]
    assert world.busy.jobs == 1


def test_the_pause_ends_with_the_first_integration_that_is_free() -> None:
    """Not later, since its work waits; a job that runs is waited for, and then nothing is known of how long."""
    world = World()
    assert world.busy.pause() == BATCHING_SECONDS
    world.busy.begin("first")
    world.seconds += 0.1
    world.busy.begin("second")
    world.seconds += 0.1
    assert world.busy.pause() == BATCHING_SECONDS
    world.busy.end("first")
    world.busy.end("second")
    assert world.busy.pause() == pytest.approx(BATCHING_SECONDS - 0.2)
    world.seconds += 0.1
    assert world.busy.pause() == 0
    assert world.busy.now() == ["second"]
    assert world.busy.pause() == pytest.approx(BATCHING_SECONDS - 0.2)


def test_an_integration_that_only_has_to_write_may_begin_its_next_job() -> None:
    """One that writes and one that does not; work that may wait waits for both."""
    world = World()
    world.busy.begin("a")
    assert world.busy.writes("a")
    assert world.busy.now() == ["a"]  # it began a moment ago
    world.seconds += BATCHING_SECONDS + 0.01
    assert (world.busy.now(), world.busy.jobs) == ([], 1)

    world.busy.begin("a")
    world.seconds += BATCHING_SECONDS + 0.01
    assert not world.busy.writes("a")
    assert (world.busy.now(), world.busy.jobs) == (["a"], 2)
    world.busy.end("a")
    assert (world.busy.now(), world.busy.wait_until_idle(0.0, "a"), world.busy.wait_until_idle(0.0)) == (
        [],
        False,
        False,
    )
    world.busy.end("a", writing=True)
    assert (world.busy.jobs, world.busy.wait_until_idle(0.0, "a"), world.busy.wait_until_idle(0.0)) == (0, True, True)
