"""Loops that hang are told from loops that wait."""

import threading

from lead_store.usecases.turns import Turns


def test_a_turn_is_late_only_while_it_lasts() -> None:
    """A loop that waits for its next turn is never late, however long it waits."""
    at = [0.0]
    turns = Turns(60.0, lambda: at[0])

    with turns.turn("routing"):
        at[0] = 60.0
        assert turns.late() == {}
        at[0] = 61.0
        assert turns.late() == {"routing": 61.0}
    at[0] = 1000.0
    assert turns.late() == {}


def test_of_several_threads_the_one_that_hangs_counts() -> None:
    """Two threads of one loop have turns of their own, and the longest counts."""
    at, go_on = [0.0], threading.Event()
    turns, begun = Turns(60.0, lambda: at[0]), threading.Event()

    def hang() -> None:
        with turns.turn("run"):
            begun.set()
            go_on.wait(60)

    thread = threading.Thread(target=hang)
    thread.start()
    begun.wait(60)
    at[0] = 90.0
    with turns.turn("run"):
        late = turns.late()
    go_on.set()
    thread.join()

    assert (late, turns.late()) == ({"run": 90.0}, {})


def test_a_turn_that_goes_on_is_not_late() -> None:
    """It counts from the last part that was done; outside of a turn that says nothing."""
    at = [0.0]
    turns = Turns(60.0, lambda: at[0])
    turns.goes_on()
    with turns.turn("erasing"):
        at[0] = 50.0
        turns.goes_on()
        at[0] = 100.0
        assert turns.late() == {}
        at[0] = 111.0
        assert turns.late() == {"erasing": 61.0}
