"""Looks for records that were archived or deleted while their event was lost: no search shows them.

A CRM may list its removed records by when they were removed, or only its whole archive by id. So a pass may have to go
through all of it, one call for each hundred records: it is made as often as the CRM's capabilities say, or less often
if it is long, and a few calls at a time. lead-store leases the records that a lead is linked to. These are read again,
like any record that an event names.
"""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from crm_connector.crm import Crm
from crm_connector.domain.integration import Integration
from crm_connector.domain.timing import Timing
from crm_connector.mongo.cursors import MongoCursors, RemovedPass
from crm_connector.usecases.work import Job

_PAGE_SECONDS = 30.0


class Removals:
    """Passes over the removed records of integrations."""

    def __init__(
        self,
        cursors: MongoCursors,
        crm: Callable[[str], Crm],
        job: Job,
        now: Callable[[], datetime],
        stop: threading.Event,
        monotonic: Callable[[], float],
        timing: Timing,
        *,
        pages_at_once: int = 20,
    ) -> None:
        """After `pages_at_once` pages of one integration the others have their turn."""
        self._cursors = cursors
        self._crm = crm
        self._job = job
        self._now = now
        self._stop = stop
        self._monotonic = monotonic
        self._margin = timedelta(seconds=timing.removed_margin)
        self._page_every = timing.removed_page
        self._pages_at_once = pages_at_once

    def sweep(self, integration: Integration) -> int:
        """Go on with a pass, or begin one if the last is old enough: the number of pages read. Each page is kept."""
        integration_id, crm = integration.integration_id, self._crm(integration.integration_id)
        at = self._cursors.removed_pass(integration_id) or RemovedPass(integration.created_at, integration.created_at)
        pages = 0
        if not at.position:
            every = max(crm.capabilities.removals_every, at.pages * self._page_every)
            if self._now() - at.began_at < timedelta(seconds=every):
                return 0
            at = RemovedPass(since=at.began_at - self._margin, began_at=self._now())
        self._job.claim(integration_id)
        while pages < self._pages_at_once and not self._stop.is_set() and (at.position or not pages):
            page = crm.removed_since(at.since, at.position, self._monotonic() + _PAGE_SECONDS)
            self._job.run_removed(integration_id, page.records)
            at = replace(at, position=page.next_position, pages=at.pages + 1)
            self._cursors.put_removed_pass(integration_id, at)
            pages += 1
        return pages
