"""A vital thread that ends makes the process end, with a reason."""

import threading
from collections.abc import Callable

import pytest
from lead_store.threads import ThreadEndedError, VitalThreads


def _fail() -> None:
    raise SystemExit(3)


def _return() -> None:
    """End at once."""


def _nothing() -> None:
    """There is nothing to close."""


@pytest.mark.parametrize(("loop", "reason"), [(_fail, "SystemExit"), (_return, "no error")])
def test_a_vital_thread_that_ends_is_told(loop: Callable[[], None], reason: str) -> None:
    """It sets the event that stops the process, and the check names the thread and what ended it."""
    stop = threading.Event()
    threads = VitalThreads(stop)
    with threads.running("router", loop, _nothing, 60):
        assert stop.wait(60)
    with pytest.raises(ThreadEndedError, match=rf"its thread router has ended \({reason}\)"):
        threads.check()


def test_a_thread_that_is_closed_is_no_fault() -> None:
    """Neither is one that has finished what it had to do."""
    stop, closed = threading.Event(), threading.Event()
    threads = VitalThreads(stop)
    with (
        threads.running("router", lambda: _wait(closed), closed.set, 60),
        threads.running("references", _return, _nothing, 60, ends=True),
    ):
        pass
    threads.check()
    assert not stop.is_set()


def _wait(closed: threading.Event) -> None:
    closed.wait(60)
