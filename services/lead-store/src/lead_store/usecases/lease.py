"""Handing out work: due lanes of one integration at a time, to the one process that works it."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import uuid6

from lead_store.domain.errors import NotFound, Unavailable
from lead_store.domain.lane import Lane, LaneTouch, lane_id
from lead_store.mongo.store import Store

MOST_LEASES = 100
LONGEST_WAIT = 20.0  # seconds
POLL = 0.5  # seconds between looks for work that became due by itself or through another process


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

    def page(self, worker_id: str, integration_id: str, records: list[tuple[str, datetime]]) -> LeasedWork:
        """Lease the records of a page that has just been read, but for those read since they changed (R9).

        A record that is due or leased already is left out: whoever has that lease reads it later than this page did.
        """
        target = self.store.targets.get(integration_id)
        if target is None:
            raise NotFound("integration_not_found", f"no integration {integration_id}: its target has not been put")
        if not self.store.targets.take(integration_id, worker_id, self.lease):
            raise Unavailable("integration_busy", "another process works this integration, or it is paused: ask later")
        changed = {lane_id(integration_id, record_id=record_id): (record_id, at) for record_id, at in records}
        read_at = self.store.lanes.read_at(changed)
        behind = [
            LaneTouch(target.tenant_id, integration_id, record_id=record_id)
            for lane, (record_id, at) in changed.items()
            if (known := read_at.get(lane)) is None or known < at
        ]
        if not behind:
            return LeasedWork()
        self.store.lanes.ensure(behind, self.store.now())
        return self._claim(worker_id, [touch.lane_id for touch in behind], idle=True)

    def _lease_some(self, worker_id: str, limit: int, busy: list[str]) -> LeasedWork:
        targets, lanes = self.store.targets, self.store.lanes
        now = self.store.now()
        mine = [integration_id for integration_id in targets.open_to(worker_id) if integration_id not in busy]
        integration_id = lanes.next_due(now, mine) if mine else None
        if integration_id is None or not targets.take(integration_id, worker_id, self.lease):
            return LeasedWork()
        return self._claim(worker_id, lanes.due(integration_id, now, limit), idle=False)

    def _claim(self, worker_id: str, lane_ids: list[str], *, idle: bool) -> LeasedWork:
        token = str(uuid6.uuid7())
        lanes = self.store.lanes.claim(lane_ids, worker_id, token, self.lease, idle=idle) if lane_ids else []
        if not lanes:
            return LeasedWork()
        leads = {lane.lead_id for lane in lanes if not lane.record_id}
        known = self.store.leads.by_ids(lanes[0].tenant_id, leads)
        return LeasedWork(
            lanes[0].integration_id,
            tuple(Lease(lane, known[lane.lead_id].email_key if lane.lead_id in known else "") for lane in lanes),
        )
