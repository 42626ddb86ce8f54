"""What recording and routing know of each other."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from lead_store.usecases.arrivals import Arrivals

LONG = 60.0  # seconds; no test waits for them


def test_what_was_kept_wakes_the_router_once() -> None:
    """A recording that ended well is waited for by one wait, not by the next; one that failed is not at all."""
    arrivals = Arrivals()
    with pytest.raises(RuntimeError), arrivals.recording(1):
        raise RuntimeError
    assert not arrivals.wait(0)
    with arrivals.recording(1):
        pass
    assert arrivals.wait(LONG)
    assert not arrivals.wait(0)


def test_what_is_kept_meanwhile_ends_the_wait() -> None:
    """The router waits for the next recording, and hears of it."""
    arrivals = Arrivals()
    with ThreadPoolExecutor(1) as pool:
        woken = pool.submit(arrivals.wait, LONG)
        with arrivals.recording(1):
            pass
        assert woken.result(LONG)


def test_time_is_busy_while_anything_is_being_recorded() -> None:
    """Recordings side by side count once, and idle time does not count."""
    arrivals = Arrivals()
    assert arrivals.busy_seconds() == 0
    with arrivals.recording(1), arrivals.recording(1):
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
