"""Handing out work: due lanes of one integration at a time, to the one process that works it."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
import uuid6

from lead_store.domain.errors import NotFound, Unavailable
from lead_store.domain.lane import ALONE_AFTER, CRASH_LOOP, Lane, LaneTouch, lane_id
from lead_store.domain.rules import DeletePolicy, Target
from lead_store.mongo.store import Store

MOST_LEASES = 100
LONGEST_WAIT = 20.0  # seconds
POLL = 0.5  # seconds between looks for work that became due by itself or through another process
log = structlog.get_logger()


@dataclass(slots=True)
class WorkBell:
    """Wakes those who wait for work. A lost ring costs at most one poll."""

    condition: threading.Condition = field(default_factory=threading.Condition)

    def ring(self) -> None:
        """Say that lanes became due."""
        with self.condition:
            self.condition.notify_all()

    def wait(self, seconds: float) -> None:
        """Wait for a ring."""
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
    """A lane handed out, with what is needed to read its record."""

    lane: Lane
    email: str = ""  # of a lead without a record, in the form it is matched by


@dataclass(frozen=True, slots=True)
class LeasedWork:
    """Leases of one integration; none if there is no work."""

    integration_id: str = ""
    leases: tuple[Lease, ...] = ()


@dataclass(frozen=True, slots=True)
class LeaseWork:
    """The use case; `lease` is how long a lane is handed out, and how long an integration stays with its worker."""

    store: Store
    bell: WorkBell
    lease: timedelta

    def due(
        self, worker_id: str, limit: int, wait: float, busy: list[str], still_wanted: Callable[[], bool]
    ) -> LeasedWork:
        """Lease due lanes, waiting up to `wait` seconds for some. Nothing is leased for a caller that has gone."""
        limit = min(limit or MOST_LEASES, MOST_LEASES)
        deadline = time.monotonic() + min(wait, LONGEST_WAIT)
        while still_wanted():
            work = self._lease_some(worker_id, limit, busy)
            left = deadline - time.monotonic()
            if work.leases or left <= 0:
                return work
            self.bell.wait(min(left, POLL))
        self.store.targets.leave(worker_id)  # the process has gone: the next one need not wait for its tenure to end
        return LeasedWork()

    def leave(self, worker_id: str) -> None:
        """Let others have the integrations of a process that ends."""
        self.store.targets.leave(worker_id)
        self.bell.ring()

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
        changed = {lane_id(integration_id, record_id=record.record_id): record for record in records}
        read_at = self.store.lanes.read_at([lane for lane, record in changed.items() if not record.archived])
        gone = self._gone(target, {lane: record.record_id for lane, record in changed.items() if record.archived})
        behind = [
            LaneTouch(target.tenant_id, integration_id, record.record_id, gone.get(lane, ""))
            for lane, record in changed.items()
            if lane in gone or (not record.archived and ((at := read_at.get(lane)) is None or at < record.modified_at))
        ]
        if not behind:
            return LeasedWork()
        self.store.lanes.ensure(behind, self.store.now())
        return self._claim(worker_id, [touch.lane_id for touch in behind], idle=True, swept=sweep)

    def _gone(self, target: Target, archived: dict[str, str]) -> dict[str, str]:
        """Lanes of archived records whose lead's link is in use, and the lead; not those that wait for a person."""
        if not archived or target.deletions.policy is DeletePolicy.IGNORE:
            return {}
        leads = self.store.leads.by_records(target, set(archived.values()))
        links = ((lead.lead_id, lead.link(target.integration_id)) for lead in leads)
        used = {link.record_id: lead_id for lead_id, link in links if link is not None and link.attached}
        found = {lane: used[record_id] for lane, record_id in archived.items() if record_id in used}
        failed = self.store.lanes.failed(target.tenant_id, target.integration_id, "", list(found)) if found else []
        return {lane: lead_id for lane, lead_id in found.items() if lane not in failed}

    def _lease_some(self, worker_id: str, limit: int, busy: list[str]) -> LeasedWork:
        targets, lanes = self.store.targets, self.store.lanes
        now = self.store.now()
        mine = [integration_id for integration_id in targets.open_to(worker_id) if integration_id not in busy]
        integration_id = lanes.next_due(now, mine) if mine else None
        if integration_id is None:
            integration_id, now = self.store.applying.go_on(mine), self.store.now()
        if not integration_id or not targets.take(integration_id, worker_id, self.lease):
            return LeasedWork()
        found = lanes.due(integration_id, now, limit)
        if len(found) < limit and self.store.applying.go_on([integration_id]):
            found = lanes.due(integration_id, self.store.now(), limit)
        return self._claim(worker_id, self._sound(found), idle=False)

    def _sound(self, found: list[tuple[str, int]]) -> list[str]:
        """Keep work apart that may be what ends its worker: it is leased alone, and in the end not at all."""
        if doomed := [lane for lane, claims in found if claims >= CRASH_LOOP]:
            log.error("Work ends its worker", reason="crash_loop", lane_ids=doomed)
            self.store.lanes.give_up(doomed, "crash_loop")
        left = [(lane, claims) for lane, claims in found if claims < CRASH_LOOP]
        if left and left[0][1] >= ALONE_AFTER:
            return [left[0][0]]
        return [lane for lane, claims in left if claims < ALONE_AFTER]

    def _claim(self, worker_id: str, lane_ids: list[str], *, idle: bool, swept: bool = False) -> LeasedWork:
        token, claim = str(uuid6.uuid7()), self.store.lanes.claim
        lanes = claim(lane_ids, worker_id, token, self.lease, idle=idle, swept=swept) if lane_ids else []
        if not lanes:
            return LeasedWork()
        leads = {lane.lead_id for lane in lanes if not lane.record_id}
        known = self.store.leads.by_ids(lanes[0].tenant_id, leads)
        return LeasedWork(
            lanes[0].integration_id,
            tuple(Lease(lane, known[lane.lead_id].email_key if lane.lead_id in known else "") for lane in lanes),
        )
