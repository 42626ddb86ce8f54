"""Threads that crm-connector is of no use without: when one ends by itself, the process has to end too."""

import threading
from collections.abc import Callable

import structlog

_log = structlog.get_logger()


class VitalThreads:
    """The threads of one process. When one of them ends before `stop` is set, it sets `stop`, and `ended` says why.

    An error that is `plain` says by itself why the process ends, and that starting it again does not help.
    """

    def __init__(self, stop: threading.Event, plain: tuple[type[Exception], ...] = ()) -> None:
        self._stop = stop
        self._plain = plain
        self.for_good = False
        self._threads: list[threading.Thread] = []
        self.ended = ""

    def start(self, name: str, loop: Callable[[], None]) -> None:
        """Start a daemon thread: a call without an answer must not keep the process from ending."""
        thread = threading.Thread(target=self._run, args=(name, loop), name=name, daemon=True)
        thread.start()
        self._threads.append(thread)

    def join(self, left: Callable[[], float]) -> None:
        """Wait for each of them, `left()` seconds at most."""
        for thread in self._threads:
            thread.join(left())

    def _run(self, name: str, loop: Callable[[], None]) -> None:
        error: BaseException | None = None
        try:
            loop()
        except BaseException as caught:  # noqa: BLE001 - whatever it was, the thread ends by it
            error = caught
        if not self._stop.is_set():
            kind, self.for_good = type(error).__name__ if error else "no error", isinstance(error, self._plain)
            why = f"crm-connector ends, since its thread {name} has ended ({kind})"
            self.ended = str(error) if self.for_good else why
            _log.error("thread_ended", thread=name, reason=kind, exc_info=None if self.for_good else error)
            self._stop.set()
