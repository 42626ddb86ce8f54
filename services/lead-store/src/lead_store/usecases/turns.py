"""Which background loops are in the middle of a turn, and which of them take too long for it."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Turns:
    """The turns of this process. A loop that waits for its next turn is in none. Thread-safe."""

    def __init__(self, longest: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        """A turn that takes longer than so many seconds is late."""
        self._longest = longest
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._under_way: dict[int, tuple[str, float]] = {}  # by thread: the loop, and since when

    @contextmanager
    def turn(self, name: str) -> Iterator[None]:
        """Count as a turn of this loop until the block ends."""
        thread = threading.get_ident()
        with self._lock:
            self._under_way[thread] = (name, self._monotonic())
        try:
            yield
        finally:
            with self._lock:
                del self._under_way[thread]

    def goes_on(self) -> None:
        """Count the turn of this thread, if it has one, from now on: a part of it is done."""
        thread = threading.get_ident()
        with self._lock:
            if thread in self._under_way:
                self._under_way[thread] = (self._under_way[thread][0], self._monotonic())

    def late(self) -> dict[str, float]:
        """Give the loops whose turn takes too long, and for how many seconds it has lasted."""
        with self._lock:
            under_way = list(self._under_way.values())
        lasted = sorted((self._monotonic() - since, name) for name, since in under_way)
        return {name: seconds for seconds, name in lasted if seconds > self._longest}
