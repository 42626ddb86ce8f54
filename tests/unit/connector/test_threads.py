"""A vital thread that ends makes the process end, with a reason."""

import threading

from crm_connector.threads import VitalThreads


def test_a_vital_thread_that_ends_is_told() -> None:
    """It sets the event that stops the process, and the reason names the thread and what ended it."""
    stop = threading.Event()
    threads = VitalThreads(stop)

    def fail() -> None:
        raise SystemExit(3)

    threads.start("upkeep", fail)

    assert stop.wait(60)
    assert threads.ended == "crm-connector ends, since its thread upkeep has ended (SystemExit)"


def test_a_thread_that_ends_after_a_stop_is_no_fault() -> None:
    """When the process is asked to stop, its threads end."""
    stop = threading.Event()
    threads = VitalThreads(stop)
    threads.start("upkeep", lambda: _wait(stop))
    stop.set()
    threads.join(lambda: 60.0)

    assert threads.ended == ""


def _wait(stop: threading.Event) -> None:
    stop.wait(60)
