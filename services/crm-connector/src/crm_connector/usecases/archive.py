"""Looks through a CRM's archive for records that were archived while their event was lost: no search shows them.

The archive is listed by record id, not by when a record was archived, so a pass has to go through all of it: one call
for each hundred records, once an hour, and a few calls at a time. lead-store gets those that were archived since the
pass before and leases the ones that a lead is linked to. These are read again, like any record that an event names.
"""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from crm_connector.crm import Crm
from crm_connector.domain.integration import Integration
from crm_connector.domain.observation import ArchivedRecord
from crm_connector.domain.timing import Timing
from crm_connector.mongo.cursors import ArchivePass, MongoCursors
from crm_connector.usecases.work import Job

_PAGE_SECONDS = 30.0


class ArchiveSweep:
    """Passes over the archives of integrations."""

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
        self._every = timedelta(seconds=timing.archive_every)
        self._margin = timedelta(seconds=timing.archive_margin)
        self._pages_at_once = pages_at_once

    def sweep(self, integration: Integration) -> int:
        """Go on with a pass, or begin one if the last is old enough: the number of pages read. Each page is kept."""
        integration_id = integration.integration_id
        at = self._cursors.archive_pass(integration_id) or ArchivePass(integration.created_at, integration.created_at)
        pages = 0
        if not at.position:
            if self._now() - at.began_at < self._every:
                return 0
            at = ArchivePass(since=at.began_at - self._margin, began_at=self._now())
        self._job.claim(integration_id)
        crm = self._crm(integration_id)
        while pages < self._pages_at_once and not self._stop.is_set() and (at.position or not pages):
            page = crm.archived_records(at.position, self._monotonic() + _PAGE_SECONDS)
            self._job.run_archived(integration_id, [record for record in page.records if _is_newer(record, at.since)])
            at = replace(at, position=page.next_position)
            self._cursors.put_archive_pass(integration_id, at)
            pages += 1
        return pages


def _is_newer(record: ArchivedRecord, since: datetime) -> bool:
    """Whether a record was archived after the pass before began, as far as the CRM says."""
    return record.modified_at is None or record.modified_at >= since
