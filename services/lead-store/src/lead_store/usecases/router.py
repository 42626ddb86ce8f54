"""From kept deliveries to due work items."""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog

from lead_store.domain.delivery import Account, Delivery, work_items_touched
from lead_store.domain.rules import Target
from lead_store.domain.work_item import erasure_of
from lead_store.mongo.store import Store
from lead_store.mongo.transaction import Session
from lead_store.usecases.arrivals import Arrivals, Span
from lead_store.usecases.backlog import MOST_FOUND, Backlog
from lead_store.usecases.lease import WorkSignal

SWEEP_SECONDS = 5.0  # without news for so long, all deliveries are looked at
BUSY_SWEEP_SECONDS = 60.0  # and with news: looking at all takes the longer the more of them wait
LOOK_FROM = 50  # for so many touches it pays to look first which of the work items wait already
# After a batch its account rests, so many times as long as something was being recorded meanwhile: as many times as
# deliveries came together, within these bounds.
LEAST_REST, MOST_REST = 3, 9
LATE_AFTER = 30.0  # seconds, longer than a flood: an account that has been behind for so long rests less
SMALL_BATCH, LARGE_BATCH = 100, 400  # touches that are routed at once: who waits meanwhile waits for all of them
log = structlog.get_logger()


@dataclass(slots=True)
class Router:
    """Turns kept deliveries into due work items: at once when told, and now and then for what a crash left behind.

    Routing twice is harmless, so the order is: work items first, then the delivery's state. The accounts take turns.
    """

    store: Store
    signal: WorkSignal
    arrivals: Arrivals
    stop: threading.Event = field(default_factory=threading.Event)
    waiting: dict[Account, Backlog] = field(default_factory=dict)
    late_after: float = LATE_AFTER
    resting: dict[Account, float] = field(default_factory=dict)  # until when, as `time.monotonic` tells
    behind: dict[Account, float] = field(default_factory=dict)  # since when, without a pause

    def run(self) -> None:
        """Route until stopped. A failure waits for the next round, which begins by looking at everything."""
        swept_at = -BUSY_SWEEP_SECONDS
        while not self.stop.is_set():
            try:
                if time.monotonic() - swept_at >= BUSY_SWEEP_SECONDS or not self._listen():
                    self.sweep()
                    swept_at = time.monotonic()
                self.take_turns()
            except Exception as error:  # noqa: BLE001 - the loop outlives whatever the database does
                log.warning("Routing waits", reason=type(error).__name__)
                self.arrivals.look_anywhere()
                self.stop.wait(1)

    def close(self) -> None:
        """End the loop."""
        self.stop.set()
        self.arrivals.close()

    def route(self) -> None:
        """Route all that there is."""
        self.sweep()
        while self.waiting and not self.stop.is_set():
            self.take_turns()
            if self.waiting and not self._listen():
                self.sweep()

    def sweep(self) -> None:
        """Look for deliveries of any account."""
        self._queue(self.store.deliveries.unrouted_spans())

    def take_turns(self) -> None:
        """Route one batch of each account that waits and does not rest, so that nobody waits for another's flood."""
        now = time.monotonic()
        self.resting = {account: until for account, until in self.resting.items() if until > now}
        for account in [account for account in self.waiting if account not in self.resting]:
            self._take_turn(account, self.waiting.pop(account))
            if self.stop.is_set():
                return

    def _listen(self) -> bool:
        """Hear of what has come; if nothing can be routed yet, wait for it. False if all has to be looked at."""
        rests = [self.resting.get(account, 0.0) for account in self.waiting]
        self.arrivals.wait(min(rests) - time.monotonic() if rests else SWEEP_SECONDS)
        came, anywhere = self.arrivals.taken()
        self._queue(came)
        return bool(self.waiting) and not anywhere

    def _queue(self, spans: Mapping[Account, Span]) -> None:
        for account, (first, last) in spans.items():
            self.waiting.setdefault(account, Backlog(first, last)).extend(last)
            self.behind.setdefault(account, time.monotonic())

    def _take_turn(self, account: Account, backlog: Backlog) -> None:
        """Route a batch, a small one if it holds up others or the way in; then the account rests, behind the others.

        It rests so long that the way in goes first, however many accounts there are; and a flood leaves the database
        to the work behind it for half of the time. But what comes without end is not put off without end.
        """
        began, busy = time.monotonic(), self.arrivals.busy_seconds()
        if not backlog.found:
            backlog.add(self.store.deliveries.unrouted(account, backlog.until, MOST_FOUND))
        if backlog.found:
            alone = not self.waiting and self.arrivals.quiet()
            self._route(account, backlog.take(LARGE_BATCH if alone else SMALL_BATCH))
        now, others = time.monotonic(), self.waiting.keys() | self.resting.keys()
        times = min(max(self.arrivals.together, LEAST_REST), MOST_REST) * (len(others) + 1)
        rest = times * (self.arrivals.busy_seconds() - busy)
        if backlog.found or not backlog.over:
            self.waiting[account] = backlog
            late = now - self.behind[account] > self.late_after
            rest = now - began if late else max(rest, now - began)
        else:
            del self.behind[account]
        self.resting[account] = now + rest

    def _route(self, account: Account, deliveries: list[Delivery]) -> None:
        target = self.store.targets.of_accounts([account]).get(account)
        if target is None:
            self._hold_back(account, deliveries)
        else:
            self._route_to(target, deliveries)

    def _hold_back(self, account: Account, deliveries: list[Delivery]) -> None:
        """Keep what no integration wants yet. A target may have appeared meanwhile: look once more."""
        self.store.deliveries.mark((delivery.key for delivery in deliveries), "unroutable", reason="unknown_account")
        log.warning("Deliveries wait for an integration of their account", provider=account[0], account_id=account[1])
        if self.store.targets.of_accounts([account]):
            self.store.deliveries.reopen(*account)
            self.arrivals.look_anywhere()

    def _route_to(self, target: Target, deliveries: list[Delivery]) -> None:
        if target.webhooks_enabled:
            touches = [touch for delivery in deliveries for touch in work_items_touched(delivery, target)]
            if len(touches) > LOOK_FROM:
                touches = self.store.work_items.unknown(touches, self.store.now())
            if touches:
                self.store.touch_together(touches)
                self.signal.notify()
        # After the touches: an erasure that they did not disturb has committed, and its tombstones are seen (R17).
        records = set[str]().union(*(delivery.record_ids for delivery in deliveries))
        if erased := self.store.tombstones.of_records(target.integration_id, records):
            self.store.deliveries.strip((target.provider, target.account_id), erased)
            touched = [touch for delivery in deliveries for touch in delivery.touches]
            merged = {touch.record_id for touch in touched if touch.into in erased} - erased
            self.store.work_items.touch(erasure_of(target, record_id) for record_id in merged)

        def mark(session: Session) -> None:
            fresh = self.store.deliveries.still_new([delivery.key for delivery in deliveries], session)
            routed = [delivery for delivery in deliveries if delivery.key in fresh]
            if not routed:
                return
            state, reason = ("routed", "") if target.webhooks_enabled else ("ignored", "webhooks_disabled")
            self.store.deliveries.mark(fresh, state, target=target, reason=reason, session=session)
            events = sum(delivery.event_count for delivery in routed)
            newest = max(delivery.received_at for delivery in routed)
            self.store.counters.received(target.integration_id, events, newest, session)

        self.store.transact(mark)
