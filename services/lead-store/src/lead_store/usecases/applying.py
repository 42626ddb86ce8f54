"""Changed settings on their way through an integration's work items (R19)."""

import threading
from bisect import bisect_right
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from lead_store.domain.applying import AT_ONCE, Progress, moved_on, started
from lead_store.domain.rules import Target
from lead_store.mongo.store import Store
from lead_store.usecases.loops import APPLYING, Loops
from lead_store.usecases.work_signal import WorkSignal

READ_AHEAD = 50 * AT_ONCE  # ids: the embedded server reads all work items to find the next ones


@dataclass(slots=True)
class IdsAhead:
    """Ids of work items that runs will make due next, read many at a time; thread-safe.

    It may miss a work item that was made after the reading: that one is decided by the changed settings anyway.
    """

    read: Callable[[str, str, int], list[str]]  # integration, id before the first, most → ids in order
    _known: dict[str, tuple[str, str, list[str]]] = field(default_factory=dict)
    """Integration → its run, the id that they come after, and the ids."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def next(self, run: Progress) -> list[str]:
        """The next part of a run; a part that is not full is the last one."""
        after, name = run.after or "", run.integration_id
        with self._lock:
            run_id, begin, ids = self._known.get(name, ("", "", []))
        # A run may begin again under its id: then `after` lies before what is known.
        rest = ids[bisect_right(ids, after) :] if run_id == run.run_id and begin <= after else []
        if len(rest) < AT_ONCE:
            rest = self.read(name, after, READ_AHEAD)
        part, rest = rest[:AT_ONCE], rest[AT_ONCE:]
        with self._lock:
            if rest:
                self._known[name] = run.run_id, part[-1], rest
            else:
                self._known.pop(name, None)
        return part


@dataclass(frozen=True, slots=True)
class Apply:
    """The use case. A process that dies on the way leaves a run that any other one goes on with."""

    store: Store
    loops: Loops = field(default_factory=Loops)
    signal: WorkSignal = field(default_factory=WorkSignal)
    _ahead: IdsAhead = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_ahead", IdsAhead(self.store.work_lists.ids_of))

    def begin(self, target: Target, run_id: str) -> None:
        """Begin to apply what a target says, unless that has begun. A run on its way ends: this one does all of it."""
        if self.store.applying.needs_run(target):
            work_items = self.store.work_lists.count_of(target.integration_id)
            self.store.applying.start(target, started(target.integration_id, run_id, work_items))
            self.go_on([target.integration_id])

    def go_on(self, integration_ids: Collection[str]) -> str:
        """Make the next part of a run of one of these integrations due; answers which one's, empty if there is none.

        Doing a part twice is harmless, and counts once.
        """
        with self.loops.watch(APPLYING):
            run = self.store.applying.under_way(integration_ids)
        if run is None:
            return ""
        with self.loops.watch(APPLYING, run.integration_id):
            part = self._ahead.next(run)
            self.store.at_once(lambda session: self.store.work_items.touch_for_run(part, run.run_id, session))
            self.signal.note([run.integration_id])
            self.store.applying.move(run, moved_on(run, part))
        return run.integration_id

    def of(self, integration_id: str, run_id: str) -> Progress | None:
        """How far this run is; None if the integration's last run is another one."""
        run = self.store.applying.get(integration_id)
        return run if run is not None and run.run_id == run_id else None

    def stop(self, integration_id: str, run_id: str) -> int:
        """Make no further work items due for a run; answers how many would have been."""
        run = self.of(integration_id, run_id)
        if run is None:
            return 0
        self.store.applying.stop(integration_id, run_id)
        return run.left
