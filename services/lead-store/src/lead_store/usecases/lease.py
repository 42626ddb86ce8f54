"""Handing out work: due work items of one integration at a time, to the one process that works it."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
import uuid6

from lead_store.domain.errors import NotFound, Unavailable
from lead_store.domain.rules import DeletePolicy, Target
from lead_store.domain.work_item import ALONE_AFTER, CRASH_LOOP, WorkItem, WorkItemTouch, work_item_id
from lead_store.mongo.store import Store

MOST_LEASES = 100
LONGEST_WAIT = 20.0  # seconds
POLL = 0.5  # seconds between looks for work that became due by itself or through another process
log = structlog.get_logger()


@dataclass(slots=True)
class WorkSignal:
    """Wakes those who wait for work. A lost notification costs at most one poll."""

    condition: threading.Condition = field(default_factory=threading.Condition)

    def notify(self) -> None:
        """Say that work items became due."""
        with self.condition:
            self.condition.notify_all()

    def wait(self, seconds: float) -> None:
        """Wait for a notification, at most `seconds`."""
        with self.condition:
            self.condition.wait(seconds)


@dataclass(frozen=True, slots=True)
class PageRecord:
    """One record of a page."""

    record_id: str
    modified_at: datetime
    archived: bool = False


@dataclass(frozen=True, slots=True)
class Lease:
    """A work item handed out, with what is needed to read its record."""

    work_item: WorkItem
    email: str = ""  # of a lead without a record, in the form it is matched by


@dataclass(frozen=True, slots=True)
class LeasedWork:
    """Leases of one integration; none if there is no work."""

    integration_id: str = ""
    leases: tuple[Lease, ...] = ()


@dataclass(frozen=True, slots=True)
class LeaseWork:
    """The use case.

    `lease` is how long a work item is handed out, and how long an integration stays with its worker.
    """

    store: Store
    signal: WorkSignal
    lease: timedelta

    def due(
        self, worker_id: str, limit: int, wait: float, busy: list[str], still_wanted: Callable[[], bool]
    ) -> LeasedWork:
        """Lease due work items, waiting up to `wait` seconds for some. Nothing is leased for a caller that has gone."""
        limit = min(limit or MOST_LEASES, MOST_LEASES)
        deadline = time.monotonic() + min(wait, LONGEST_WAIT)
        while still_wanted():
            work = self._lease_some(worker_id, limit, busy)
            left = deadline - time.monotonic()
            if work.leases or left <= 0:
                return work
            self.signal.wait(min(left, POLL))
        self.store.targets.leave(worker_id)  # the process has gone: the next one need not wait for its tenure to end
        return LeasedWork()

    def leave(self, worker_id: str) -> None:
        """Let others have the integrations of a process that ends."""
        self.store.targets.leave(worker_id)
        self.signal.notify()

    def page(
        self, worker_id: str, integration_id: str, records: list[PageRecord], *, sweep: bool = False
    ) -> LeasedWork:
        """Lease the records of a page that has just been read, but for those read since they changed (R9).

        A record that is due or leased already is left out: whoever has that lease reads it later than this page did.
        Of archived records only those are leased that a lead is linked to. `sweep` = no event asked for it.
        Without records the process only becomes the integration's worker.
        """
        target = self.store.targets.get(integration_id)
        if target is None:
            raise NotFound("integration_not_found", f"no integration {integration_id}: its target has not been put")
        if not self.store.targets.take(integration_id, worker_id, self.lease):
            raise Unavailable("integration_busy", "another process works this integration, or it is paused: ask later")
        changed = {work_item_id(integration_id, record_id=record.record_id): record for record in records}
        read_at = self.store.work_items.read_at(
            [work_item for work_item, record in changed.items() if not record.archived]
        )
        gone = self._gone(
            target, {work_item: record.record_id for work_item, record in changed.items() if record.archived}
        )
        behind = [
            WorkItemTouch(target.tenant_id, integration_id, record.record_id, gone.get(work_item, ""))
            for work_item, record in changed.items()
            if work_item in gone
            or (not record.archived and ((at := read_at.get(work_item)) is None or at < record.modified_at))
        ]
        if not behind:
            return LeasedWork()
        self.store.work_items.ensure(behind, self.store.now())
        return self._claim(worker_id, [touch.work_item_id for touch in behind], idle=True, swept=sweep)

    def _gone(self, target: Target, archived: dict[str, str]) -> dict[str, str]:
        """Work items of archived records whose lead's link is in use, and the lead.

        Not those that wait for a person.
        """
        if not archived or target.deletions.policy is DeletePolicy.IGNORE:
            return {}
        leads = self.store.leads.by_records(target, set(archived.values()))
        links = ((lead.lead_id, lead.link(target.integration_id)) for lead in leads)
        used = {link.record_id: lead_id for lead_id, link in links if link is not None and link.attached}
        found = {work_item: used[record_id] for work_item, record_id in archived.items() if record_id in used}
        failed = self.store.work_items.failed(target.tenant_id, target.integration_id, "", list(found)) if found else []
        return {work_item: lead_id for work_item, lead_id in found.items() if work_item not in failed}

    def _lease_some(self, worker_id: str, limit: int, busy: list[str]) -> LeasedWork:
        targets, work_items = self.store.targets, self.store.work_items
        now = self.store.now()
        mine = [integration_id for integration_id in targets.open_to(worker_id) if integration_id not in busy]
        integration_id = work_items.next_due(now, mine) if mine else None
        if integration_id is None:
            integration_id, now = self.store.applying.go_on(mine), self.store.now()
        if not integration_id or not targets.take(integration_id, worker_id, self.lease):
            return LeasedWork()
        found = work_items.due(integration_id, now, limit)
        if len(found) < limit and self.store.applying.go_on([integration_id]):
            found = work_items.due(integration_id, self.store.now(), limit)
        return self._claim(worker_id, self._sound(found), idle=False)

    def _sound(self, found: list[tuple[str, int]]) -> list[str]:
        """Keep work apart that may be what ends its worker: it is leased alone, and in the end not at all."""
        if doomed := [work_item for work_item, claims in found if claims >= CRASH_LOOP]:
            log.error("Work ends its worker", reason="crash_loop", work_item_ids=doomed)
            self.store.work_items.give_up(doomed, "crash_loop")
        left = [(work_item, claims) for work_item, claims in found if claims < CRASH_LOOP]
        if left and left[0][1] >= ALONE_AFTER:
            return [left[0][0]]
        return [work_item for work_item, claims in left if claims < ALONE_AFTER]

    def _claim(self, worker_id: str, work_item_ids: list[str], *, idle: bool, swept: bool = False) -> LeasedWork:
        token, claim = str(uuid6.uuid7()), self.store.work_items.claim
        work_items = claim(work_item_ids, worker_id, token, self.lease, idle=idle, swept=swept) if work_item_ids else []
        if not work_items:
            return LeasedWork()
        leads = {work_item.lead_id for work_item in work_items if not work_item.record_id}
        known = self.store.leads.by_ids(work_items[0].tenant_id, leads)
        return LeasedWork(
            work_items[0].integration_id,
            tuple(
                Lease(work_item, known[work_item.lead_id].email_key if work_item.lead_id in known else "")
                for work_item in work_items
            ),
        )
