"""How fast the work of runs goes, so that people's changes do not wait for it.

A batch is decided as a whole, so what people change meanwhile waits for its end. While they change something, runs take
few records at a time, and at most a quarter of the time. Each process knows this for itself, and only speed follows.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from lead_store.domain.decision import UNDECIDED, Decision, Outcome
from lead_store.domain.work_item import WorkItem

MOST_LEASES = 100  # work items in a batch
BESIDE_CHANGES = 10  # of them of runs, while people change something
PAUSE = 3.0  # times as long as deciding took
NO_CHANGE = UNDECIDED | {Outcome.UNCHANGED, Outcome.SETTLED}  # such as the echoes of what a run has written


@dataclass(slots=True)
class _Integration:
    changed: float = float("-inf")  # when its live work last found a change
    next_batch: float = float("-inf")  # when the work of runs may go on


@dataclass(frozen=True, slots=True)
class RunPace:
    """The pace of the runs of each integration; thread-safe."""

    lately: float = 10.0  # seconds for which a change counts
    monotonic: Callable[[], float] = time.monotonic
    _known: dict[str, _Integration] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def decided(self, decisions: Sequence[tuple[WorkItem | None, Decision]], seconds: float) -> None:
        """Note decisions, and how long they took together."""
        of_runs = {one.integration_id for one, _ in decisions if one is not None and one.run_id}
        changed = {
            one.integration_id
            for one, decision in decisions
            if one is not None and not one.run_id and decision.outcome not in NO_CHANGE
        }
        if not (of_runs or changed):
            return
        now = self.monotonic()
        with self._lock:
            self._forget(now)
            for name in of_runs | changed:
                one = self._known.setdefault(name, _Integration())
                one.changed = now if name in changed else one.changed
                one.next_batch = now + PAUSE * seconds if name in of_runs else one.next_batch

    def _forget(self, now: float) -> None:
        for name, one in list(self._known.items()):
            if now - max(one.changed, one.next_batch) > self.lately:
                del self._known[name]

    def limit(self, integration_id: str) -> int:
        """Most work items of runs in the next batch: as many as it can hold if nobody has changed anything lately."""
        now = self.monotonic()
        with self._lock:
            known = self._known.get(integration_id)
            if known is None or now - known.changed >= self.lately:
                return MOST_LEASES
            return BESIDE_CHANGES if now >= known.next_batch else 0
