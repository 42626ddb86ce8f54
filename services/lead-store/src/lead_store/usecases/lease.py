"""Handing out work: due work items of one integration at a time, to the one process that works on it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
import uuid6

from lead_store.domain.errors import NotFound, Unavailable
from lead_store.domain.looks import News
from lead_store.domain.retry import without_crash_loops
from lead_store.domain.rules import DeletePolicy, Target
from lead_store.domain.work_item import WorkItem, WorkItemTouch, work_item_id
from lead_store.mongo.store import Store
from lead_store.mongo.targets import OpenTarget
from lead_store.mongo.work_item_updates import Claim
from lead_store.usecases.applying import Apply
from lead_store.usecases.looks import Looks
from lead_store.usecases.run_pace import MOST_LEASES, RunPace
from lead_store.usecases.work_signal import WorkSignal

LONGEST_CALL = 20.0  # seconds that a call may wait for work
EVERY = timedelta(seconds=30)
log = structlog.get_logger()


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
    emails: tuple[str, ...] = ()  # of a lead without a record: all spellings of its e-mail
    history: bool = False  # the versions of the record's properties are to be read too


@dataclass(frozen=True, slots=True)
class LeasedWork:
    """Leases of one integration; none if there is no work."""

    integration_id: str = ""
    leases: tuple[Lease, ...] = ()


@dataclass(frozen=True, slots=True)
class LeaseWork:
    """The use case.

    For `lease` a work item is handed out, and an integration stays with its worker. A waiting call looks for work every
    `poll`: it may have become due by itself, or through another process. Each integration is asked at least `every` so
    often, and twice within a lease: so the end of each lease is foreseen.
    """

    store: Store
    signal: WorkSignal
    apply: Apply
    lease: timedelta
    poll: timedelta
    pace: RunPace = field(default_factory=RunPace)
    every: timedelta = EVERY
    monotonic: Callable[[], float] = time.monotonic
    _looks: Looks = field(init=False)

    def __post_init__(self) -> None:
        every = min(self.every, self.lease / 2)
        object.__setattr__(self, "_looks", Looks(self.store.ready_work.first, every, self.monotonic))

    def due(
        self, worker_id: str, limit: int, wait: float, busy: list[str], still_wanted: Callable[[], bool]
    ) -> LeasedWork:
        """Lease due work items, waiting up to `wait` seconds for some. A caller that has gone gets no leases."""
        limit = min(limit or MOST_LEASES, MOST_LEASES)
        deadline = time.monotonic() + min(wait, LONGEST_CALL)
        while still_wanted():
            work = self._lease_some(worker_id, limit, busy)
            left = deadline - time.monotonic()
            if work.leases or left <= 0:
                return work
            self.signal.wait(min(left, self.poll.total_seconds()))
        self.store.targets.leave(worker_id)  # the process has gone, so the next one need not wait for its turn to end
        return LeasedWork()

    def leave(self, worker_id: str) -> None:
        """Let others have the integrations of a process that ends or has ended, and what it had leased."""
        self.store.targets.leave(worker_id)
        self.signal.notify(self.store.work_items.leave(worker_id))

    def page(
        self, worker_id: str, integration_id: str, records: list[PageRecord], *, sweep: bool = False
    ) -> LeasedWork:
        """Lease the records of a page that has just been read, except those read since they changed (R9).

        A record that is due or leased is left out: whoever has that lease reads it later than this page did. Of
        archived records only those are leased that a lead is linked to. `sweep` = no event asked for it. Without
        records the process only becomes the integration's worker.
        """
        target = self.store.targets.get(integration_id)
        if target is None:
            raise NotFound("integration_not_found", f"no integration {integration_id}: its target has not been put")
        if not self.store.targets.take(integration_id, worker_id, self.lease):
            raise Unavailable("integration_busy", "another process works this integration, or it is paused: ask later")
        changed = {work_item_id(integration_id, record_id=record.record_id): record for record in records}
        live = {name: record for name, record in changed.items() if not record.archived}
        gone = self._gone(target, {name: record.record_id for name, record in changed.items() if record.archived})
        read_at = self.store.work_items.read_at(changed.keys())
        unread = {name for name, record in live.items() if (at := read_at.get(name)) is None or at < record.modified_at}
        touches = [
            WorkItemTouch(target.tenant_id, integration_id, record.record_id, gone.get(name, ""))
            for name, record in changed.items()
            if name in gone or name in unread
        ]
        if not touches:
            return LeasedWork()
        new = [touch for touch in touches if touch.work_item_id not in read_at]
        known = [touch.work_item_id for touch in touches if touch.work_item_id in read_at]
        work_items, claim = self.store.work_items, self._new_claim(worker_id)
        claimed = self.store.at_once(
            lambda session: [
                *work_items.claim_new(new, claim, session, swept=sweep),
                *work_items.claim(known, claim, idle=True, swept=sweep, session=session),
            ]
        )
        order = {name: place for place, name in enumerate(changed)}  # as a plan decides them
        return self._leased(sorted(claimed, key=lambda work_item: order[work_item.work_item_id]))

    def _gone(self, target: Target, archived: dict[str, str]) -> dict[str, str]:
        """Work items of archived records that a lead is linked to → the lead; without those that wait for a person."""
        if not archived or target.deletions.policy is DeletePolicy.IGNORE:
            return {}
        leads = self.store.leads.by_records(target.tenant_id, target.account, set(archived.values()))
        links = ((lead.lead_id, lead.link(target.integration_id)) for lead in leads)
        used = {link.record_id: lead_id for lead_id, link in links if link is not None and link.attached}
        found = {name: used[record_id] for name, record_id in archived.items() if record_id in used}
        lists = self.store.work_lists
        failed = lists.failed(target.tenant_id, target.integration_id, "", list(found)) if found else []
        waiting = {work_item.work_item_id for work_item in failed}
        return {name: lead_id for name, lead_id in found.items() if name not in waiting}

    def _lease_some(self, worker_id: str, limit: int, busy: list[str]) -> LeasedWork:
        targets, ready = self.store.targets, self.store.ready_work
        now = self.store.now()
        own = [one for one in targets.open_to(worker_id, now) if one.integration_id not in busy]
        unhurried = {one.integration_id for one in own if self.pace.limit(one.integration_id)}
        with_work = (one.integration_id for one in own if self._has_work(one, unhurried, now))
        applying = [one.integration_id for one in own if one.is_applying and one.integration_id in unhurried]
        integration_id = next(with_work, "") or self.apply.go_on(applying)
        if not integration_id or not targets.take(integration_id, worker_id, self.lease):
            return LeasedWork()
        now = self.store.now()
        found = ready.find(integration_id, now, limit, of_runs=False)
        found += self._of_runs(integration_id, now, min(self.pace.limit(integration_id), limit - len(found)))
        to_lease, crashing = without_crash_loops(found)
        if crashing:
            log.error("Work ends its worker", reason="crash_loop", work_item_ids=crashing)
            self.store.work_items.give_up(crashing, "crash_loop")
        work_items, claim = self.store.work_items, self._new_claim(worker_id)
        return self._leased(self.store.at_once(lambda session: work_items.claim(to_lease, claim, session=session)))

    def _has_work(self, one: OpenTarget, unhurried: set[str], now: datetime) -> bool:
        name, news = one.integration_id, News(one.news, self.signal.said(one.integration_id))
        return self._looks.has_work(name, news, now, of_runs=False) or (
            name in unhurried and self._looks.has_work(name, news, now, of_runs=True)
        )

    def _of_runs(self, integration_id: str, now: datetime, most: int) -> list[tuple[str, int]]:
        """Due work of runs, with the next part of what a run applies."""
        if not most:
            return []
        found = self.store.ready_work.find(integration_id, now, most, of_runs=True)
        if len(found) < most and self.apply.go_on([integration_id]):
            found = self.store.ready_work.find(integration_id, self.store.now(), most, of_runs=True)
        return found

    def _new_claim(self, worker_id: str) -> Claim:
        return Claim(worker_id, str(uuid6.uuid7()), self.store.now(), self.lease)

    def _leased(self, work_items: list[WorkItem]) -> LeasedWork:
        """Work items that have just been claimed, with what is needed to read their records."""
        if not work_items:
            return LeasedWork()
        leads = {work_item.lead_id for work_item in work_items if not work_item.record_id}
        integration_id = work_items[0].integration_id
        known = self.store.leads.by_ids(work_items[0].tenant_id, leads)
        target = self.store.targets.get(integration_id)
        emails = {lead_id: lead.email_spellings for lead_id, lead in known.items()}
        has_history = target is not None and target.capabilities.history
        leases = (
            Lease(one, emails.get(one.lead_id, ()), history=has_history and one.notes.written) for one in work_items
        )
        return LeasedWork(integration_id, tuple(leases))
