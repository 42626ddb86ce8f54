"""The sweep: finds what no event told us, by asking each CRM what has changed since the last time.

A page goes the same way as any other work. lead-store leases only those of its records that changed since their last
reading (R9), and uses the page's own readings where they are new enough (R8).
"""

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from crm_connector.crm import Crm
from crm_connector.domain.errors import ConnectorError
from crm_connector.domain.integration import Integration
from crm_connector.mongo.cursors import MongoCursors
from crm_connector.mongo.integrations import MongoIntegrations
from crm_connector.usecases.background import repeat
from crm_connector.usecases.work import Job

# A search may lag behind by half a minute, so the last minute is never taken as seen, and is looked at again.
OVERLAP = timedelta(seconds=60)
_PAGE_SECONDS = 30.0
_log = structlog.get_logger()


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
    ) -> None:
        self._integrations = integrations
        self._cursors = cursors
        self._crm = crm
        self._job = job
        self._now = now
        self._stop = stop

    def run(self, every_seconds: float) -> None:
        """Sweep again and again, for the first time after a while, until told to stop."""

        def turn() -> float:
            self.turn()
            return every_seconds

        self._stop.wait(every_seconds)
        repeat(turn, "sweep", self._stop)

    def turn(self) -> None:
        """Sweep every integration once; one that fails does not stop the others."""
        for integration in self._integrations.all():
            if self._stop.is_set():
                return
            if integration.deleting or integration.paused or not integration.reads_crm:
                continue
            try:
                pages = self.sweep(integration)
                _log.debug("swept", integration_id=integration.integration_id, pages=pages)
            except ConnectorError as error:  # the cursor stays where it is
                quiet = error.reason == "integration_busy"  # the process that works it sweeps it too
                log = _log.debug if quiet else _log.warning
                log("sweep_postponed", reason=error.reason, integration_id=integration.integration_id)
            except Exception:  # noqa: BLE001 - nor does one that is broken
                _log.exception("sweep_failed", reason="unexpected", integration_id=integration.integration_id)

    def sweep(self, integration: Integration) -> int:
        """Go through what has changed since the cursor; the number of pages. The cursor moves after each page."""
        crm = self._crm(integration.integration_id)
        cursor = self._cursors.get(integration.integration_id) or integration.created_at
        position: object | None = None
        pages = 0
        while not self._stop.is_set():
            page = crm.changed_since(cursor - OVERLAP, position, time.monotonic() + _PAGE_SECONDS)
            if page.records:
                self._job.run_page(integration.integration_id, page.records)
                self._advance(integration, page.records[-1].modified_at)
            pages += 1
            position = page.next_position
            if position is None:
                break
        return pages

    def _advance(self, integration: Integration, modified_at: datetime) -> None:
        """Keep how far we are, but not closer to now than the search's lag."""
        self._cursors.put(integration.integration_id, min(modified_at, self._now() - OVERLAP))
