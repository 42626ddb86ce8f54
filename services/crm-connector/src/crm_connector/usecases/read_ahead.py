"""Reads the next page of an import while lead-store decides on this one, each on a thread of its own.

A page that was read ahead is only in memory. How far the run is, is stored after the decisions on a page, as without
it: a process that dies, or a run that is cancelled, loses one reading and nothing else.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

from crm_connector.crm import Page

# A page is not used later than so many seconds after its reading began: lead-store takes it to be at most a minute old.
USED_WITHIN = 20.0
# So many pages at once. Where more runs are worked, they take turns, and a page would be too old before its turn.
MOST_PAGES = 4


@dataclass(frozen=True, slots=True)
class PageKey:
    """Which page it is: where it begins, and the revision of the integration whose mapping it was read by."""

    position: str
    revision: int


@dataclass(frozen=True, slots=True)
class PageRead:
    """A page, and how many calls of the CRM reading it took."""

    page: Page
    calls: int


@dataclass(frozen=True, slots=True)
class _Ahead:
    key: PageKey
    began: float
    read: Future[PageRead]


@dataclass(slots=True)
class ReadAhead:
    """At most one page for each run, and `MOST_PAGES` in all; thread-safe."""

    monotonic: Callable[[], float] = time.monotonic
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _pages: dict[str, _Ahead] = field(default_factory=dict)
    _worked: dict[str, float] = field(default_factory=dict)  # when runs had their turns

    def begin(self, run_id: str, key: PageKey, read: Callable[[], PageRead]) -> None:
        """Begin to read a run's next page, if its turn is likely to come in time."""
        ahead = _Ahead(key, self.monotonic(), Future())
        with self._lock:
            too_old = ahead.began - USED_WITHIN
            self._worked = {one: at for one, at in self._worked.items() if at > too_old}
            # Those of runs that were cancelled, or that another process works now, are never taken.
            self._pages = {one: page for one, page in self._pages.items() if page.began > too_old}
            self._worked[run_id] = ahead.began
            if len(self._worked) > MOST_PAGES:
                return
            self._pages[run_id] = ahead
        threading.Thread(target=_read, args=(read, ahead.read), name="read-ahead", daemon=True).start()

    def take(self, run_id: str, key: PageKey) -> PageRead | None:
        """Give this page once, and wait for it while it is being read. None if it was not read, or is too old.

        Raises what reading it raised.
        """
        with self._lock:
            ahead = self._pages.pop(run_id, None)
        if ahead is None or ahead.key != key:
            return None
        left = ahead.began + USED_WITHIN - self.monotonic()
        try:
            return ahead.read.result(left) if left > 0 else None
        except TimeoutError:
            return None

    def drop(self, run_id: str) -> None:
        """Forget a run that has ended, or that another process works."""
        with self._lock:
            self._pages.pop(run_id, None)
            self._worked.pop(run_id, None)


def _read(read: Callable[[], PageRead], into: Future[PageRead]) -> None:
    """Hand the page over, or whatever reading it raised."""
    try:
        into.set_result(read())
    except BaseException as error:  # noqa: BLE001 - it is raised where the page is taken
        into.set_exception(error)
