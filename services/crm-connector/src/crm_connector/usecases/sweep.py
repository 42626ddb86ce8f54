"""The sweep: finds what no event told us, by asking each CRM what has changed since the last time.

A page goes the same way as any other work. lead-store leases only those of its records that changed since their last
reading (R9), and uses the page's own readings where they are new enough (R8).
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from crm_connector.crm import Crm
from crm_connector.domain.errors import ConnectorError
from crm_connector.domain.integration import Integration
from crm_connector.mongo.cursors import MongoCursors
from crm_connector.mongo.integrations import MongoIntegrations
from crm_connector.usecases.archive import ArchiveSweep
from crm_connector.usecases.background import repeat
from crm_connector.usecases.work import Job

# A search may lag behind by half a minute, so the last minute is never taken as seen, and is looked at again.
OVERLAP = timedelta(seconds=60)
# How far our clock may be ahead of the CRM's; further, and no webhook's signature would be accepted either.
CLOCKS_APART = timedelta(minutes=5)
_PAGE_SECONDS = 30.0
# A sweep that failed is tried again after this time, not only when the next one is due; new integrations are noticed.
_RETRY_SECONDS, _LOOK_SECONDS, _SHORTEST_SECONDS = 30.0, 5.0, 0.05
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Begun:
    """A sweep that has not come to its end: when it began, since when it looks, and where it goes on."""

    at: datetime
    since: datetime
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
        self._monotonic = monotonic
        self._pages_at_once = pages_at_once
        self._bin = ArchiveSweep(cursors, crm, job, now, stop, monotonic)
        self._begun: dict[str, _Begun] = {}
        self._due: dict[str, float] = {}

    def run(self, every_seconds: float) -> None:
        """Sweep each integration so often, and at once if that was missed while the process was down; until stopped."""
        repeat(lambda: self.turn(every_seconds), "sweep", self._stop)

    def turn(self, every_seconds: float = 0.0) -> float:
        """Sweep the integrations that are due; seconds until the next is. One that fails does not stop the others."""
        known = [one for one in self._integrations.all() if not (one.deleting or one.paused)]
        self._due = {one.integration_id: self._due_at(one, every_seconds) for one in known}
        for integration in known:
            if self._stop.is_set():
                break
            if self._due[integration.integration_id] <= self._monotonic():
                wait = self._try(integration, every_seconds)
                self._due[integration.integration_id] = self._monotonic() + wait
        left = min(self._due.values(), default=self._monotonic() + _LOOK_SECONDS) - self._monotonic()
        return max(_SHORTEST_SECONDS, min(left, _LOOK_SECONDS))

    def sweep(self, integration: Integration) -> int:
        """Go on through what has changed since the cursor; the number of pages. The cursor moves after each page."""
        integration_id, pages = integration.integration_id, 0
        self._job.hold(integration_id)
        crm = self._crm(integration_id)
        begun = self._begun.pop(integration_id, None) or self._begin(integration)
        position = begun.position
        while pages < self._pages_at_once and not self._stop.is_set():
            page = crm.changed_since(begun.since, position, self._monotonic() + _PAGE_SECONDS)
            if page.records:
                self._job.run_page(integration_id, page.records, sweep=True)
                # Keep how far we are, but not closer to now than the search's lag.
                self._cursors.put(integration_id, min(page.records[-1].modified_at, self._now() - OVERLAP))
            pages += 1
            position = page.next_position
            if position is None:
                self._come_to_end(integration, begun)
                return pages
        self._begun[integration_id] = replace(begun, position=position)
        return pages

    def _begin(self, integration: Integration) -> _Begun:
        cursor = self._cursors.get(integration.integration_id) or integration.created_at
        return _Begun(self._now(), cursor - OVERLAP)

    def _come_to_end(self, integration: Integration, begun: _Begun) -> None:
        """All that is old has been seen: a burst is not looked through again and again while nothing changes."""
        seen = begun.at - OVERLAP - CLOCKS_APART
        if seen > integration.created_at:
            self._cursors.put(integration.integration_id, seen)

    def _due_at(self, integration: Integration, every_seconds: float) -> float:
        """When an integration is to be swept; after a start, so long after its last sweep."""
        known = self._due.get(integration.integration_id)
        if known is not None:
            return known
        last = self._cursors.swept_at(integration.integration_id) or integration.created_at
        return self._monotonic() + max(0.0, every_seconds - (self._now() - last).total_seconds())

    def _try(self, integration: Integration, every_seconds: float) -> float:
        """Sweep one integration; seconds until it is to be swept again."""
        integration_id, began_at = integration.integration_id, self._now()
        try:
            pages = self.sweep(integration) if integration.reads_crm else 0
            if integration_id in self._begun:
                return 0.0
            archived = self._bin.sweep(integration)
            self._cursors.put_swept(integration_id, began_at)
            _log.debug("swept", integration_id=integration_id, pages=pages, bin_pages=archived)
        except ConnectorError as error:  # the cursor stays where it is
            quiet = error.reason == "integration_busy"  # the process that works it sweeps it too
            log = _log.debug if quiet else _log.warning
            log("sweep_postponed", reason=error.reason, integration_id=integration_id)
            return every_seconds if quiet else min(every_seconds, max(_RETRY_SECONDS, error.retry_after))
        except Exception:  # noqa: BLE001 - nor does one that is broken
            _log.exception("sweep_failed", reason="unexpected", integration_id=integration_id)
        return every_seconds
