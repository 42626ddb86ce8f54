"""From kept deliveries to due lanes."""

import threading
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate, takewhile

import structlog

from lead_store.domain.delivery import Delivery, lanes_touched
from lead_store.domain.lane import erasure_of
from lead_store.domain.rules import Target
from lead_store.mongo.store import Store
from lead_store.mongo.transaction import Session
from lead_store.usecases.arrivals import Arrivals
from lead_store.usecases.horizon import Horizon
from lead_store.usecases.lease import WorkBell

SWEEP_SECONDS = 5.0
LOOK_FROM = 50  # for so many touches it pays to look first which of the lanes wait already
# After each batch routing rests, so many times as long as something was being recorded meanwhile: as many times as
# deliveries came together, within these bounds.
LEAST_REST, MOST_REST = 3, 9
MOST_FOUND = 200  # deliveries that one look finds
SMALL_BATCH, LARGE_BATCH = 100, 2_000  # touches that are routed at once
DELIVERY_WEIGHT = 3  # touches that cost as much as a delivery does beside its touches
log = structlog.get_logger()


@dataclass(slots=True)
class Router:
    """Turns kept deliveries into due lanes: at once when told, and every few seconds for what a crash left behind.

    Routing twice is harmless, so the order is: lanes first, then the delivery's state.
    """

    store: Store
    bell: WorkBell
    arrivals: Arrivals
    stop: threading.Event = field(default_factory=threading.Event)
    horizon: Horizon | None = None  # None = begin with the oldest

    def run(self) -> None:
        """Route until stopped. A failure waits for the next round."""
        while not self.stop.is_set():
            try:
                self.route()
            except Exception as error:  # noqa: BLE001 - the loop outlives whatever the database does
                log.warning("Routing waits", reason=type(error).__name__)
                self.stop.wait(1)
            if not self.arrivals.wait(SWEEP_SECONDS):
                self.horizon = None  # whatever became of clocks, nothing is left behind it for long

    def close(self) -> None:
        """End the loop."""
        self.stop.set()
        self.arrivals.close()

    def route(self) -> None:
        """Route all that there is, batch by batch; while the way in is busy, it goes first."""
        now = self.store.now()
        if self.horizon is None:
            oldest, newest = self.store.deliveries.unrouted_span() or (now, now)
            self.horizon, now = Horizon(oldest), max(now, newest)
        horizon = self.horizon
        more = True
        while more:
            found = self.store.deliveries.unrouted(horizon.until, MOST_FOUND)
            for deliveries in self._batches(found):
                busy = self.arrivals.busy_seconds()
                self._route(deliveries)
                times = min(max(self.arrivals.together, LEAST_REST), MOST_REST)
                self.arrivals.rest(times * (self.arrivals.busy_seconds() - busy))
                if self.stop.is_set():
                    return
            more = horizon.move(len(found), MOST_FOUND, now)

    def _batches(self, deliveries: list[Delivery]) -> Iterator[list[Delivery]]:
        """Part them: into small batches while the way in is busy, since each holds it up; else large ones cost less."""
        while deliveries:
            most = LARGE_BATCH if self.arrivals.quiet() else SMALL_BATCH
            weights = accumulate(DELIVERY_WEIGHT + len(delivery.touches) for delivery in deliveries)
            size = max(1, sum(1 for _ in takewhile(most.__ge__, weights)))
            yield deliveries[:size]
            deliveries = deliveries[size:]

    def _route(self, deliveries: list[Delivery]) -> None:
        targets = self.store.targets.of_accounts({(d.provider, d.account_id) for d in deliveries})
        groups: dict[tuple[str, str], list[Delivery]] = defaultdict(list)
        for delivery in deliveries:
            groups[delivery.provider, delivery.account_id].append(delivery)
        for account, group in groups.items():
            target = targets.get(account)
            if target is None:
                self._hold_back(account, group)
            else:
                self._route_to(target, group)

    def _hold_back(self, account: tuple[str, str], deliveries: list[Delivery]) -> None:
        """Keep what no integration wants yet. A target may have appeared meanwhile: look once more."""
        self.store.deliveries.mark((delivery.key for delivery in deliveries), "unroutable", reason="unknown_account")
        log.warning("Deliveries wait for an integration of their account", provider=account[0], account_id=account[1])
        if self.store.targets.of_accounts([account]):
            self.store.deliveries.reopen(*account)

    def _route_to(self, target: Target, deliveries: list[Delivery]) -> None:
        if target.webhooks_enabled:
            touches = [touch for delivery in deliveries for touch in lanes_touched(delivery, target)]
            if len(touches) > LOOK_FROM:
                touches = self.store.lanes.unknown(touches, self.store.now())
            if touches:
                self.store.lanes.touch(touches)
                self.bell.ring()
        # After the touches: an erasure that they did not disturb has committed, and its tombstones are seen (R17).
        records = {touch.record_id for delivery in deliveries for touch in delivery.touches}
        if erased := self.store.tombstones.of_records(target.integration_id, records):
            self.store.deliveries.strip((target.provider, target.account_id), erased)
            touched = [touch for delivery in deliveries for touch in delivery.touches]
            merged = {touch.record_id for touch in touched if touch.into in erased} - erased
            self.store.lanes.touch(erasure_of(target, record_id) for record_id in merged)

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
