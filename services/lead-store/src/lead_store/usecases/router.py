"""From kept deliveries to due lanes."""

import threading
from collections import defaultdict
from dataclasses import dataclass, field

import structlog

from lead_store.domain.delivery import Delivery, lanes_touched
from lead_store.domain.lane import erasure_of
from lead_store.domain.rules import Target
from lead_store.mongo.store import Store
from lead_store.mongo.transaction import Session
from lead_store.usecases.arrivals import Arrivals
from lead_store.usecases.lease import WorkBell

SWEEP_SECONDS = 5.0
LOOK_FROM = 100  # for so many touches it pays to look first which of the lanes wait already
GIVE_WAY = 9.0  # so many times as long as something was being recorded meanwhile, routing rests after each batch
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

    def run(self) -> None:
        """Route until stopped. A failure waits for the next round."""
        while not self.stop.is_set():
            try:
                self.route()
            except Exception as error:  # noqa: BLE001 - the loop outlives whatever the database does
                log.warning("Routing waits", reason=type(error).__name__)
                self.stop.wait(1)
            self.arrivals.wait(SWEEP_SECONDS)

    def close(self) -> None:
        """End the loop."""
        self.stop.set()
        self.arrivals.close()

    def route(self) -> None:
        """Route all that there is, batch by batch; while the way in is busy, it goes first."""
        for deliveries in self.store.deliveries.unrouted():
            busy = self.arrivals.busy_seconds()
            self._route(deliveries)
            self.arrivals.rest(GIVE_WAY * (self.arrivals.busy_seconds() - busy))
            if self.stop.is_set():
                return

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
