"""Saying that work came to be due, to the calls of this process that wait for it and to other processes.

It is said after the commit, and is a hint (`domain.looks`): what is never said is found a little later. So nobody waits
until it is in the database. A thread notes it there, for many integrations at once and a few times a second at most.
"""

import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

import structlog

log = structlog.get_logger()


def _nobody(_: Collection[str]) -> None:
    """Tell nobody: there are no other processes."""


@dataclass(slots=True)
class WorkSignal:
    """Wakes the calls that wait for work, and counts the news of each integration. Thread-safe.

    `tell` notes in the database that there are news of these integrations.
    """

    tell: Callable[[Collection[str]], None] = _nobody
    gap: float = 0.2  # seconds between two notes, which collect what is said meanwhile
    after_failure: float = 1.0
    _condition: threading.Condition = field(default_factory=threading.Condition)
    _own: Counter[str] = field(default_factory=Counter)
    _untold: set[str] = field(default_factory=set)
    _is_news: threading.Event = field(default_factory=threading.Event)
    _stop: threading.Event = field(default_factory=threading.Event)

    def notify(self, integration_ids: Iterable[str]) -> None:
        """Say that work of these integrations came to be due: calls that wait look at once."""
        self.note(integration_ids)
        with self._condition:
            self._condition.notify_all()

    def note(self, integration_ids: Iterable[str]) -> None:
        """Say that work of these integrations will be due, or may be: the next look asks them."""
        with self._condition:
            for one in integration_ids:
                self._own[one] += 1
                self._untold.add(one)
            if self._untold:
                self._is_news.set()

    def said(self, integration_id: str) -> int:
        """How often this process has said so of an integration."""
        return self._own[integration_id]

    def wait(self, seconds: float) -> None:
        """Wait for a notification, at most `seconds`."""
        with self._condition:
            self._condition.wait(seconds)

    def tell_others(self) -> None:
        """Note what has not been noted yet."""
        with self._condition:
            self._is_news.clear()
            names, self._untold = self._untold, set()
        if not names:
            return
        try:
            self.tell(sorted(names))
        except BaseException:
            with self._condition:
                self._untold |= names
            raise

    def run(self) -> None:
        """Note news until closed, and then once more."""
        while True:
            self._is_news.wait()
            ends, pause = self._stop.is_set(), self.gap
            try:
                self.tell_others()
            except Exception as error:  # noqa: BLE001 - the loop goes on, whatever the database does
                log.warning("News of work wait", reason=type(error).__name__)
                self._is_news.set()
                pause = self.after_failure
            if ends:
                return
            self._stop.wait(pause)

    def close(self) -> None:
        """End the loop. What it cannot note any more is lost, which delays work."""
        self._stop.set()
        self._is_news.set()
