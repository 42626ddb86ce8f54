"""Changed settings on their way through an integration's work items (R19)."""

from collections.abc import Collection
from dataclasses import dataclass, field

from lead_store.domain.applying import AT_ONCE, Progress, moved_on, started
from lead_store.domain.rules import Target
from lead_store.mongo.store import Store
from lead_store.usecases.loops import APPLYING, Loops


@dataclass(frozen=True, slots=True)
class Apply:
    """The use case. A process that dies on the way leaves a run that any other one goes on with."""

    store: Store
    loops: Loops = field(default_factory=Loops)

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
            part = self.store.work_lists.ids_of(run.integration_id, run.after or "", AT_ONCE)
            self.store.at_once(lambda session: self.store.work_items.touch_for_run(part, run.run_id, session))
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
