"""From kept deliveries to due work items."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from lead_store.domain.delivery import Delivery, merged_into, work_items_touched
from lead_store.domain.rules import Account, Target
from lead_store.domain.touches import says_nothing_new
from lead_store.domain.work_item import WorkItemTouch, erasure_of
from lead_store.mongo.store import Store
from lead_store.mongo.transaction import Session
from lead_store.usecases.arrivals import Arrivals, Span
from lead_store.usecases.backlog import MOST_FOUND, Backlog
from lead_store.usecases.loops import ROUTING, Loops
from lead_store.usecases.work_signal import WorkSignal

LOOK_FROM = 50  # from so many touches it is worth looking first which of the work items wait already
# After a batch its account pauses: for the time that recording took meanwhile, times the number of deliveries that came
# together, within these bounds.
LEAST_PAUSE, MOST_PAUSE = 3, 9
SMALL_BATCH, LARGE_BATCH = 100, 400  # touches that are routed at once: others wait for all of them
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class RouterTiming:
    """How long the router waits."""

    look: timedelta = timedelta(seconds=5)
    look_busy: timedelta = timedelta(seconds=60)
    late: timedelta = timedelta(seconds=30)  # longer than a flood
    failed: timedelta = timedelta(seconds=1)


@dataclass(slots=True)
class Router:
    """Turns kept deliveries into due work items: at once when some arrive, and now and then what a crash left behind.

    Routing twice is harmless, so the order is: work items first, then the delivery's state. The accounts take turns.
    Without news, deliveries of all accounts are looked for every `look`, and with news every `look_busy`: the look
    takes longer the more of them wait. An account that has been behind for longer than `late` pauses less.
    """

    store: Store
    signal: WorkSignal
    arrivals: Arrivals
    stop: threading.Event = field(default_factory=threading.Event)
    waiting: dict[Account, Backlog] = field(default_factory=dict)
    timing: RouterTiming = field(default_factory=RouterTiming)
    pausing: dict[Account, float] = field(default_factory=dict)  # until when, by `time.monotonic`
    behind: dict[Account, float] = field(default_factory=dict)  # since when without interruption, by the same clock
    loops: Loops = field(default_factory=Loops)
    paused: Callable[[], bool] = lambda: False  # while the disk is nearly full, nothing is written that can wait

    def run(self) -> None:
        """Route until stopped. After a failure the next round looks at everything again."""
        every = self.timing.look_busy.total_seconds()
        swept_at = -every
        while not self.stop.is_set():
            if self.paused():
                self.stop.wait(self.timing.failed.total_seconds())
                continue
            try:
                if time.monotonic() - swept_at >= every or not self._wait():
                    self.sweep()
                    swept_at = time.monotonic()
                self.take_turns()
            except Exception as error:  # noqa: BLE001 - the loop goes on, whatever the database does
                log.warning("Routing waits", reason=type(error).__name__)
                self.arrivals.look_anywhere()
                self.stop.wait(self.timing.failed.total_seconds())

    def close(self) -> None:
        """End the loop."""
        self.stop.set()
        self.arrivals.close()

    def route(self) -> None:
        """Route all that there is."""
        self.sweep()
        while self.waiting and not self.stop.is_set():
            self.take_turns()
            if self.waiting and not self._wait():
                self.sweep()

    def sweep(self) -> None:
        """Look for deliveries of any account."""
        with self.loops.watch(ROUTING):
            self._queue(self.store.deliveries.unrouted_spans())

    def take_turns(self) -> None:
        """Route one batch of each account that waits and does not pause: no account waits for the flood of another."""
        now = time.monotonic()
        self.pausing = {account: until for account, until in self.pausing.items() if until > now}
        for account in [account for account in self.waiting if account not in self.pausing]:
            with self.loops.watch(ROUTING, "/".join(account)):
                self._take_turn(account, self.waiting.pop(account))
            if self.stop.is_set():
                return

    def _wait(self) -> bool:
        """Take what has come. If nothing can be routed yet, wait for it. False if all has to be looked at."""
        pauses = [self.pausing.get(account, 0.0) for account in self.waiting]
        self.arrivals.wait(min(pauses) - time.monotonic() if pauses else self.timing.look.total_seconds())
        came, anywhere = self.arrivals.taken()
        self._queue(came)
        return bool(self.waiting) and not anywhere

    def _queue(self, spans: Mapping[Account, Span]) -> None:
        for account, (first, last) in spans.items():
            self.waiting.setdefault(account, Backlog(first, last)).extend(last)
            self.behind.setdefault(account, time.monotonic())

    def _take_turn(self, account: Account, backlog: Backlog) -> None:
        """Route a batch, a small one if others or recording wait for it. Then the account pauses, behind the others.

        An account with more to route pauses so long that recording goes first, however many accounts there are, and
        that a flood leaves the database to the work on records for half of the time. But an account without end to its
        flood must not wait for ever. One that has nothing left of what was found is no flood: it pauses for as long as
        its turn took.
        """
        began, busy = time.monotonic(), self.arrivals.busy_seconds()
        if not backlog.found:
            backlog.add(self.store.deliveries.unrouted(account, backlog.until, MOST_FOUND))
        if backlog.found:
            alone = not self.waiting and self.arrivals.quiet()
            self._route(account, backlog, LARGE_BATCH if alone else SMALL_BATCH)
        now, others = time.monotonic(), self.waiting.keys() | self.pausing.keys()
        late = now - self.behind[account] > self.timing.late.total_seconds()
        pause = now - began
        if backlog.found and not late:
            times = min(max(self.arrivals.together, LEAST_PAUSE), MOST_PAUSE) * (len(others) + 1)
            pause = max(pause, times * (self.arrivals.busy_seconds() - busy))
        if backlog.found or not backlog.over:
            self.waiting[account] = backlog
        else:
            del self.behind[account]
        self.pausing[account] = now + pause

    def _route(self, account: Account, backlog: Backlog, touches: int) -> None:
        target = self.store.targets.of_accounts([account]).get(account)
        if target is None:
            self._hold_back(account, backlog.take(touches).ended)
        elif target.webhooks_enabled:
            batch = backlog.take(touches, target.integration_id)
            self._touch(target, batch.parts)
            self._end(target, batch.ended)
        else:
            self._end(target, backlog.take(touches).ended)

    def _hold_back(self, account: Account, deliveries: list[Delivery]) -> None:
        """Keep what belongs to no integration yet. A target may have appeared meanwhile: look once more."""
        self.store.deliveries.mark((delivery.key for delivery in deliveries), "unroutable", reason="unknown_account")
        log.warning("Deliveries wait for an integration of their account", provider=account[0], account_id=account[1])
        if self.store.targets.of_accounts([account]):
            self.store.deliveries.reopen(*account)
            self.arrivals.look_anywhere()

    def _touch(self, target: Target, deliveries: list[Delivery]) -> None:
        touches = [touch for delivery in deliveries for touch in work_items_touched(delivery, target)]
        if len(touches) > LOOK_FROM:
            touches = self._with_news(touches)
        if touches:
            self.store.touch_together(touches)
            self.signal.notify([target.integration_id])

    def _end(self, target: Target, deliveries: list[Delivery]) -> None:
        """Note that deliveries have become work, once all their touches have."""
        if not deliveries:
            return
        # After the touches: an erasure that they did not disturb has committed, and its tombstones are seen (R17).
        records = set[str]().union(*(delivery.record_ids for delivery in deliveries))
        if erased := self.store.tombstones.of_records(target.integration_id, records):
            self.store.deliveries.remove_events(target.account, erased)
            merged = merged_into((touch for delivery in deliveries for touch in delivery.touches), erased)
            self.store.work_items.touch(erasure_of(target, record_id) for record_id in merged)
            self.signal.note([target.integration_id])

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

    def _with_news(self, touches: list[WorkItemTouch]) -> list[WorkItemTouch]:
        """The touches without those that would say nothing new to work items that wait already."""
        waiting = self.store.work_items.waiting_for_lease([one.work_item_id for one in touches], self.store.now())
        known = ((one, waiting.get(one.work_item_id)) for one in touches)
        return [one for one, work_item in known if work_item is None or not says_nothing_new(one, work_item)]
