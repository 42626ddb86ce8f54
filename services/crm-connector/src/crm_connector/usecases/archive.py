"""The pass over a CRM's archive.

Finds records that were archived while their event was lost, since no search shows them.

The bin is listed by record id, not by when a record came there, so a pass has to go through all of it: one call for
each hundred records, once an hour, and a few calls at a time. Only those that came there since the pass before are
offered to lead-store, which leases what a lead is linked to; those are read again, like any record that an event names.
"""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from crm_connector.crm import Crm
from crm_connector.domain.integration import Integration
from crm_connector.domain.observation import ArchivedRecord
from crm_connector.mongo.cursors import BinPass, MongoCursors
from crm_connector.usecases.work import Job

EVERY = timedelta(hours=1)
# The CRM's clock may differ from ours, and its list may lag behind.
_MARGIN = timedelta(minutes=6)
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
        pages_at_once: int = 20,
    ) -> None:
        self._cursors = cursors
        self._crm = crm
        self._job = job
        self._now = now
        self._stop = stop
        self._monotonic = monotonic
        self._pages_at_once = pages_at_once

    def sweep(self, integration: Integration) -> int:
        """Go on with a pass, or begin one if the last is an hour old; the number of pages read. Kept after each."""
        integration_id = integration.integration_id
        at = self._cursors.bin_pass(integration_id) or BinPass(integration.created_at, integration.created_at)
        pages = 0
        if not at.position:
            if self._now() - at.began_at < EVERY:
                return 0
            at = BinPass(since=at.began_at - _MARGIN, began_at=self._now())
        self._job.hold(integration_id)
        crm = self._crm(integration_id)
        while pages < self._pages_at_once and not self._stop.is_set() and (at.position or not pages):
            page = crm.archived_records(at.position, self._monotonic() + _PAGE_SECONDS)
            self._job.run_archived(integration_id, [record for record in page.records if _is_newer(record, at.since)])
            at = replace(at, position=page.next_position)
            self._cursors.put_bin_pass(integration_id, at)
            pages += 1
        return pages


def _is_newer(record: ArchivedRecord, since: datetime) -> bool:
    """Whether a record came into the archive after the pass before began, as far as the CRM says."""
    return record.modified_at is None or record.modified_at >= since
