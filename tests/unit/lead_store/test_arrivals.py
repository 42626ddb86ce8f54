"""What recording and routing know of each other."""

import threading

import pytest
from lead_store.usecases.arrivals import Arrivals

LONG = 60.0  # seconds; no test waits for them


def test_what_was_kept_wakes_the_router_once() -> None:
    """A recording that ended well is waited for by one wait, not by the next; one that failed is not at all."""
    arrivals = Arrivals()
    with pytest.raises(RuntimeError), arrivals.recording():
        raise RuntimeError
    with arrivals.recording():
        pass
    arrivals.wait(LONG)
    woken = threading.Event()

    def wait_again() -> None:
        arrivals.wait(LONG)
        woken.set()

    threading.Thread(target=wait_again, daemon=True).start()
    assert not woken.is_set()
    with arrivals.recording():
        pass
    assert woken.wait(LONG)


def test_time_is_busy_while_anything_is_being_recorded() -> None:
    """Recordings side by side count once, and idle time does not count."""
    arrivals = Arrivals()
    assert arrivals.busy_seconds() == 0
    with arrivals.recording(), arrivals.recording():
        assert arrivals.busy_seconds() > 0
    after = arrivals.busy_seconds()
    assert arrivals.busy_seconds() == after


def test_the_end_is_not_waited_for() -> None:
    """Closing ends every rest and every wait."""
    arrivals = Arrivals()
    resting = threading.Thread(target=lambda: (arrivals.rest(LONG), arrivals.wait(LONG)))
    resting.start()
    arrivals.close()
    resting.join(LONG)
    assert not resting.is_alive()
