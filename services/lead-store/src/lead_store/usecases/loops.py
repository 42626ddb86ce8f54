"""How the standing loops of this process end: routing by account, applying settings by integration, erasing."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from lead_store.usecases.turns import Turns

ROUTING, APPLYING, ERASING = "routing", "applying", "erasing"
LOOPS = (ROUTING, APPLYING, ERASING)
MOST_KEPT = 10_000  # accounts and integrations
# What fails is tried again within a minute. A failure without a later one has nothing left to do, and is no alert.
OVER_AFTER = timedelta(minutes=10)
LONGEST_TURN = timedelta(minutes=2)  # a turn is a batch of one account, or a part of one integration's work items


@dataclass(frozen=True, slots=True)
class LoopState:
    """When a loop last succeeded and last failed, and why. `failing_since` is None once it has succeeded again."""

    name: str
    succeeded_at: datetime | None = None
    failed_at: datetime | None = None
    failing_since: datetime | None = None
    reason: str = ""
    message: str = ""


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class Loops:
    """The states in memory: other processes have their own. Thread-safe."""

    now: Callable[[], datetime] = _now
    states: dict[tuple[str, str], LoopState] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    turns: Turns = field(default_factory=lambda: Turns(LONGEST_TURN.total_seconds()))

    def succeeded(self, name: str, of: str = "") -> None:
        """Note a success for an account or integration; without one, for all of them."""
        at = self.now()
        self._change(name, of, lambda state: replace(state, succeeded_at=at, failing_since=None))

    def failed(self, name: str, of: str, error: Exception) -> None:
        """Note a failure. Texts of errors may hold values, so only the error's type is kept."""
        at, message = self.now(), f"An unexpected error ({type(error).__name__}). The log of lead-store has more."
        self._change(
            name,
            of,
            lambda state: replace(
                state,
                failed_at=at,
                failing_since=state.failing_since or at,
                reason="unexpected",
                message=message,
            ),
        )

    @contextmanager
    def watch(self, name: str, of: str = "") -> Iterator[None]:
        """Note how what is inside ends, and raise further what it raises."""
        try:
            with self.turns.turn(name):
                yield
        except Exception as error:
            self.failed(name, of, error)
            raise
        self.succeeded(name, of)

    def get(self, name: str, of: str) -> LoopState | None:
        """Get the state for an account or integration: what fails for all of them fails for each."""
        with self.lock:
            whole, own = self.states.get((name, "")), self.states.get((name, of))
        return whole if whole is not None and (own is None or whole.failing_since) else own

    def failing_seconds(self, name: str) -> float:
        """For how long something has been failing or hangs: the longest time of all accounts or integrations."""
        now = self.now()
        with self.lock:
            found = [state for (one, _), state in self.states.items() if one == name]
        since = [
            (now - state.failing_since).total_seconds()
            for state in found
            if state.failing_since and state.failed_at and now - state.failed_at < OVER_AFTER
        ]
        return max([*since, self.turns.late().get(name, 0.0)])

    def _change(self, name: str, of: str, change: Callable[[LoopState], LoopState]) -> None:
        with self.lock:
            state = self.states.pop((name, of), None) or LoopState(name)
            if len(self.states) >= MOST_KEPT:
                del self.states[next(iter(self.states))]  # what was noted longest ago
            self.states[name, of] = change(state)
