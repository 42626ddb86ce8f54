"""Removing the events about erased people from kept deliveries (R17, L11), after the transaction that erases them.

A person may be in so many deliveries that no transaction could change them all. What is left to do is in the database,
so that any process finishes what another one has begun. Doing it twice, or in two processes, is harmless.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from lead_store.domain.delivery import merged_into
from lead_store.domain.erasure import OpenErasure
from lead_store.domain.work_item import erasure_of
from lead_store.mongo.store import Store
from lead_store.usecases.loops import ERASING, Loops
from lead_store.usecases.work_signal import WorkSignal

SOON = 1.0  # seconds for which the call that erased somebody goes on with it
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Strip:
    """The use case."""

    store: Store
    signal: WorkSignal

    def finish(self, enough: Callable[[], bool]) -> None:
        """Do what is left, until all is done or it is enough. One that fails does not keep the others from it."""
        failure: Exception | None = None
        for erasure in self.store.erasures.unfinished():
            try:
                if not self._finish(erasure, enough):
                    break
            except Exception as error:  # noqa: BLE001 - it is raised below
                failure = failure or error
        if failure is not None:
            raise failure

    def soon(self) -> None:
        """Do what can be done at once. The erasure itself has been committed, so that this never fails."""
        until = time.monotonic() + SOON
        try:
            self.finish(lambda: time.monotonic() > until)
        except Exception as error:  # noqa: BLE001 - the loop does it later, whatever the database does
            log.warning("Removing events of erased people waits", reason=type(error).__name__)

    def _finish(self, erasure: OpenErasure, enough: Callable[[], bool]) -> bool:
        """Look at one delivery after the other; False if some are left.

        A record that was merged into an erased one and has not been read since is the same person: its own work item
        erases it.
        """
        target, merged = self.store.targets.get(erasure.integration_id, erasure.tenant_id), set[str]()
        same_account = target is not None and target.account == erasure.account
        for touches in self.store.deliveries.removing_events(erasure.account, erasure.record_ids):
            merged |= merged_into(touches, erasure.record_ids) if same_account else set()
            if enough():
                return False
        if target is not None and merged:
            self.store.work_items.touch([erasure_of(target, record_id) for record_id in sorted(merged)])
            self.signal.notify([target.integration_id])
        self.store.erasures.finish(erasure)
        return True


@dataclass(slots=True)
class StripLoop:
    """Finishes what a process that died, or a failure of the database, has left."""

    strip: Strip
    look: timedelta
    loops: Loops = field(default_factory=Loops)
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Look for what is left until stopped."""
        while not self.stop.is_set():
            try:
                with self.loops.watch(ERASING):
                    self.strip.finish(self._ends)
            except Exception as error:  # noqa: BLE001 - the loop goes on, whatever the database does
                log.warning("Removing events of erased people waits", reason=type(error).__name__)
            self.stop.wait(self.look.total_seconds())

    def _ends(self) -> bool:
        self.loops.turns.goes_on()  # one delivery more: however many there are, the loop does not hang
        return self.stop.is_set()

    def close(self) -> None:
        """End the loop."""
        self.stop.set()
