"""The sweep: asks each CRM what has changed since the last time, for changes without an event.

Most changes are in the CRM's search within a minute, but single ones come later, when the cursor is past them. So now
and then a sweep begins further back.

A page is worked like any other work. lead-store leases only those of its records that changed since their last reading
(R9), and uses the page's own readings where they are new enough (R8).
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from crm_connector.crm import Crm
from crm_connector.domain.capabilities import Capabilities
from crm_connector.domain.errors import ConnectorError
from crm_connector.domain.integration import Integration
from crm_connector.domain.loops import Loop
from crm_connector.domain.timing import Timing
from crm_connector.mongo.cursors import MongoCursors
from crm_connector.mongo.integrations import MongoIntegrations
from crm_connector.usecases.background import repeat
from crm_connector.usecases.loops import Loops
from crm_connector.usecases.removals import Removals
from crm_connector.usecases.work import Job

_PAGE_SECONDS = 30.0
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Begun:
    """A sweep that is not complete: when it began, since when it searches, and where it goes on.

    The time `behind` now never counts as seen, since a search may lag behind; it is searched again. `again` = it looks
    again at what earlier sweeps have searched.
    """

    at: datetime
    since: datetime
    behind: timedelta
    again: bool
    position: object | None = None


class Sweep:
    """Sweeps all integrations, one after another."""

    def __init__(
        self,
        integrations: MongoIntegrations,
        cursors: MongoCursors,
        crm: Callable[[str], Crm],
        job: Job,
        now: Callable[[], datetime],
        stop: threading.Event,
        timing: Timing,
        loops: Loops,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        pages_at_once: int = 20,
    ) -> None:
        """After `pages_at_once` pages of one integration the others have their turn."""
        self._integrations = integrations
        self._cursors = cursors
        self._crm = crm
        self._job = job
        self._now = now
        self._stop = stop
        self._timing = timing
        self._loops = loops
        self._monotonic = monotonic
        self._pages_at_once = pages_at_once
        self._removals = Removals(cursors, crm, job, now, stop, monotonic, timing)
        self._begun: dict[str, _Begun] = {}
        self._due: dict[str, float] = {}
        self._due_now: set[str] = set()
        self._looked_again: dict[str, datetime] = {}

    def run(self, every_seconds: float) -> None:
        """Sweep each integration so often, and at once if it was due while the process was down."""
        repeat(lambda: self.turn(every_seconds), "sweep", self._stop, self._timing.retries.loop, self._loops)

    def turn(self, every_seconds: float = 0.0) -> float:
        """Sweep the integrations that are due: seconds until the next is due. A failure does not stop the others."""
        known = [one for one in self._integrations.all() if not (one.deleting or one.paused)]
        self._due = {one.integration_id: self._due_at(one, every_seconds) for one in known}
        for integration in known:
            if self._stop.is_set():
                break
            if self._due[integration.integration_id] <= self._monotonic():
                wait = self._try(integration, every_seconds)
                self._due[integration.integration_id] = self._monotonic() + wait
        look = self._timing.sweep_look
        left = min(self._due.values(), default=self._monotonic() + look) - self._monotonic()
        return max(self._timing.sweep_pause, min(left, look))

    def sweep(self, integration: Integration) -> int:
        """Go on through what has changed since the cursor: the number of pages. The cursor moves after each page."""
        integration_id, pages = integration.integration_id, 0
        self._job.claim(integration_id)
        crm = self._crm(integration_id)
        begun = self._begun.pop(integration_id, None) or self._begin(integration, crm.capabilities)
        position = begun.position
        while pages < self._pages_at_once and not self._stop.is_set():
            page = crm.changed_since(begun.since, position, self._monotonic() + _PAGE_SECONDS)
            self._job.run_page(integration_id, page.records, page.unread, sweep=True)
            if page.until:
                self._cursors.put(integration_id, min(page.until, self._now() - begun.behind))
            pages += 1
            position = page.next_position
            if position is None:
                self._complete(integration, begun)
                return pages
        self._begun[integration_id] = replace(begun, position=position)
        return pages

    def soon(self, integration_id: str) -> None:
        """Sweep an integration at the next turn: events of it were lost."""
        self._due_now.add(integration_id)

    def _begin(self, integration: Integration, can: Capabilities) -> _Begun:
        """Begin where the cursor is, or further back if it is time for that; after a start it is."""
        now, cursor = self._now(), self._cursors.get(integration.integration_id) or integration.created_at
        behind = timedelta(seconds=max(can.overlap, can.unread_within))
        every = timedelta(seconds=self._timing.look_again)
        last = self._looked_again.get(integration.integration_id, cursor - every)
        if again := now - last >= every:
            further = last - timedelta(seconds=self._timing.index_behind)
            cursor = max(integration.created_at, min(cursor, further))
        return _Begun(now, cursor - behind, behind, again)

    def _complete(self, integration: Integration, begun: _Begun) -> None:
        """Move the cursor past all that is old, so that a burst is not searched again and again."""
        if begun.again:
            self._looked_again[integration.integration_id] = begun.at
        seen = begun.at - begun.behind - timedelta(seconds=self._timing.clocks_apart)
        if seen > integration.created_at:
            self._cursors.put(integration.integration_id, seen)

    def _due_at(self, integration: Integration, every_seconds: float) -> float:
        """Give the monotonic time at which an integration is due; after a start, so long after its last sweep."""
        if integration.integration_id in self._due_now:
            self._due_now.discard(integration.integration_id)
            return self._monotonic()
        known = self._due.get(integration.integration_id)
        if known is not None:
            return known
        last = self._cursors.swept_at(integration.integration_id) or integration.created_at
        return self._monotonic() + max(0.0, every_seconds - (self._now() - last).total_seconds())

    def _try(self, integration: Integration, every_seconds: float) -> float:
        """Sweep one integration: seconds until it is due again."""
        integration_id, began_at = integration.integration_id, self._now()
        try:
            pages = 0
            if integration.reads_crm:
                with self._loops.failures(integration_id, Loop.SWEEP):
                    pages = self.sweep(integration)
                if integration_id in self._begun:
                    return 0.0
                self._loops.succeeded(integration_id, Loop.SWEEP)
            with self._loops.failures(integration_id, Loop.ARCHIVE_PASS):
                removal_pages = self._removals.sweep(integration)
            if removal_pages:
                self._loops.succeeded(integration_id, Loop.ARCHIVE_PASS)
            self._cursors.put_swept(integration_id, began_at)
            _log.debug("swept", integration_id=integration_id, pages=pages, removal_pages=removal_pages)
        except ConnectorError as error:  # the cursor stays where it is
            busy = error.reason == "integration_busy"  # the process that works it sweeps it too
            log = _log.debug if busy else _log.warning
            log("sweep_postponed", reason=error.reason, integration_id=integration_id)
            retries = self._timing.retries
            return every_seconds if busy else min(every_seconds, max(retries.sweep, retries.after(error)))
        except Exception:  # noqa: BLE001 - one integration must not stop the others
            _log.exception("sweep_failed", reason="unexpected", integration_id=integration_id)
        return every_seconds
