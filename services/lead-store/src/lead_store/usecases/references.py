"""Leads that an earlier version wrote get the references that they are looked up by, once, while all else goes on."""

import threading
from dataclasses import dataclass, field

import structlog

from lead_store.mongo.store import Store

AT_ONCE = 100
BREATH_SECONDS = 0.05  # between batches, for the work that people wait for
AGAIN_SECONDS = 5.0  # after a failure
log = structlog.get_logger()


@dataclass(slots=True)
class References:
    """The use case. Each write of a lead makes its references anew, so there is nothing to do once all have some."""

    store: Store
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Add what is missing, until all is there or stopped."""
        while not self.stop.is_set():
            try:
                added = self._add()
            except Exception as error:  # noqa: BLE001 - it is tried again, whatever the database does
                log.warning("Adding references waits", reason=type(error).__name__)
                self.stop.wait(AGAIN_SECONDS)
                continue
            if not added:
                return
            log.info("References of leads were added", leads=added)

    def close(self) -> None:
        """End the loop."""
        self.stop.set()

    def _add(self) -> int:
        """One round; answers how many leads got references. Those that changed meanwhile got theirs by that change."""
        added = 0
        for lead_ids in self.store.leads.without_refs(AT_ONCE):
            added += self.store.leads.add_refs(lead_ids)
            if self.stop.wait(BREATH_SECONDS):
                break
        return added
