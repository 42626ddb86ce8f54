"""Watching leads: a bounded number of streams, each for a bounded time."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from lead_store.domain.errors import TooMany, Unavailable
from lead_store.mongo.changes import Change, watch
from lead_store.mongo.store import Store

MOST_WATCHES = 16
LONGEST_WATCH = 30 * 60.0  # seconds
HEARTBEAT = 15.0  # seconds


@dataclass(frozen=True, slots=True)
class Watch:
    """The use case. Each watch has a stream of its own, so going on after a break is the same as starting."""

    store: Store
    stop: threading.Event
    free: threading.BoundedSemaphore = field(default_factory=lambda: threading.BoundedSemaphore(MOST_WATCHES))

    def changes(self, tenant_id: str, resume_token: str, still_wanted: Callable[[], bool]) -> Iterator[Change]:
        """Changes of a tenant's leads, until the caller goes, half an hour has passed, or the server stops."""
        if not self.free.acquire(blocking=False):
            raise TooMany("too_many_watches", f"at most {MOST_WATCHES} watches at a time: try again later")
        try:
            yield from self._stream(tenant_id, resume_token, still_wanted)
        finally:
            self.free.release()

    def _stream(self, tenant_id: str, resume_token: str, still_wanted: Callable[[], bool]) -> Iterator[Change]:
        end = time.monotonic() + LONGEST_WATCH
        with watch(self.store.leads.collection, tenant_id, resume_token) as changes:
            answered_at = 0.0  # the first answer comes at once: it says where to go on from
            while still_wanted() and time.monotonic() < end and not self.stop.is_set():
                change = self._without_erased(tenant_id, changes.next())
                if change.lead is not None or change.removed_lead_id or time.monotonic() - answered_at > HEARTBEAT:
                    answered_at = time.monotonic()
                    yield change
        if still_wanted():
            raise Unavailable("watch_ended", "the watch has ended: go on from the last resume token")

    def _without_erased(self, tenant_id: str, change: Change) -> Change:
        """The change, without the values of a person who was erased since, and without other tenants' removals (L11).

        The stream keeps what was written before an erasure, and a watch may go on from there.
        """
        if change.lead is not None and change.kept and not self.store.leads.has(change.lead.lead_id):
            return replace(change, lead=None)
        if change.removed_lead_id and not self.store.tombstones.has_lead(tenant_id, change.removed_lead_id):
            return replace(change, removed_lead_id="")
        return change
