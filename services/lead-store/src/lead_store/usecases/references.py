"""Leads that an earlier version stored get the references that they are looked up by, while everything else goes on."""

import threading
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from lead_store.mongo.store import Store

AT_ONCE = 100
BETWEEN_BATCHES = 0.05  # seconds, for the work that people wait for
log = structlog.get_logger()


@dataclass(slots=True)
class References:
    """The use case. Every write of a lead makes its references, so there is nothing to do once all leads have some."""

    store: Store
    failed_loop: timedelta  # how long it waits after a failure
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Add what is missing, until all is there or stopped."""
        while not self.stop.is_set():
            try:
                added = self._add()
            except Exception as error:  # noqa: BLE001 - it is tried again, whatever the database does
                log.warning("Adding references waits", reason=type(error).__name__)
                self.stop.wait(self.failed_loop.total_seconds())
                continue
            if not added:
                return
            log.info("References of leads were added", leads=added)

    def close(self) -> None:
        """End the loop."""
        self.stop.set()

    def _add(self) -> int:
        """One round; answers how many leads got references. A lead that changed meanwhile got them with that change."""
        added = 0
        for lead_ids in self.store.leads.without_refs(AT_ONCE):
            added += self.store.leads.add_refs(lead_ids)
            if self.stop.wait(BETWEEN_BATCHES):
                break
        return added
