"""Threads that lead-store is of no use without: when one ends by itself, the process has to end too."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

log = structlog.get_logger()


class ThreadEndedError(Exception):
    """A vital thread has ended. Whoever runs the process has to start it again."""


class VitalThreads:
    """The threads of one process. `stop` is set when one of them has ended by itself; `check` says which.

    An error that is `plain` says by itself why the process ends; `check` raises it as it is.
    """

    def __init__(self, stop: threading.Event, plain: tuple[type[Exception], ...] = ()) -> None:
        self._stop = stop
        self._plain = plain
        self._ended: Exception | None = None

    @contextmanager
    def running(
        self, name: str, loop: Callable[[], None], close: Callable[[], None], wait: float, *, ends: bool = False
    ) -> Iterator[None]:
        """Run a loop beside the block, and `close` it after it: it gets `wait` seconds to end.

        With `ends`, the loop has something to finish and may end before.
        """
        closing = threading.Event()

        def run() -> None:
            error: BaseException | None = None
            try:
                loop()
            except BaseException as caught:  # noqa: BLE001 - whatever it was, the thread ends by it
                error = caught
            if not closing.is_set() and (error or not ends):
                self._end(name, error)

        thread = threading.Thread(target=run, name=name)
        thread.start()
        try:
            yield
        finally:
            closing.set()
            close()
            thread.join(wait)

    def check(self) -> None:
        """Raise ThreadEndedError, or the plain error that it ended by, if one has ended."""
        if self._ended:
            raise self._ended

    def _end(self, name: str, error: BaseException | None) -> None:
        if isinstance(error, self._plain):
            self._ended = error
            log.error(str(error))
        else:
            kind = type(error).__name__ if error else "no error"
            self._ended = ThreadEndedError(f"lead-store ends, since its thread {name} has ended ({kind})")
            log.error(str(self._ended), exc_info=error)
        self._stop.set()
