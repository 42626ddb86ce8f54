"""What the supervisor must know of a program that it keeps running."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

Probe = Callable[[], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Component:
    """One program of the suite. It gets exactly this environment, which is kept out of the repr.

    `ready` asks whether others can use it, `answers` whether it still works at all: what does not answer is replaced.
    """

    name: str
    command: tuple[str, ...]
    address: str
    ready: Probe
    answers: Probe
    after: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the supervisor waits, in seconds."""

    first_delay: float = 0.5
    longest_delay: float = 30.0
    steady_after: float = 60.0  # a run this long counts as healthy: the next restart is quick
    ready_within: float = 60.0
    ask_every: float = 3.0  # whether it still answers
    misses: int = 4  # so many times in a row without an answer, and it is replaced
    stop_within: float = 10.0
    first_tries: int = 3  # exits before it was ever ready, until the suite gives up


class Backoff:
    """How long to wait before each restart: twice as long each time, and `first_delay` again after a steady run."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._next = patience.first_delay

    def delay(self, ran: float) -> float:
        """Return the seconds to wait after a run that lasted `ran` seconds."""
        if ran >= self._patience.steady_after:
            self._next = self._patience.first_delay
        now = self._next
        self._next = min(now * 2, self._patience.longest_delay)
        return now
