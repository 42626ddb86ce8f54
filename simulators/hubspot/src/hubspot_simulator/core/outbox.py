"""Deliveries: collects events, packs them, retries. It decides what is due; `sender` posts it."""

import json
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal

from hubspot_simulator.core.apps import App
from hubspot_simulator.core.behaviour import Behaviour

SCHEDULE_SECONDS = (60, 120, 300, 600, 1_800, 3_600, 7_200, 14_400, 21_600, 36_000)
"""HubSpot publishes no schedule: up to 10 retries over the next 24 hours, with jitter."""
KEPT = 1_000
State = Literal["waiting", "sending", "delivered", "lost"]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One POST: its time and its result."""

    number: int
    at_ms: int
    duration_ms: int
    status: int | None
    error: str | None

    @property
    def succeeded(self) -> bool:
        """Only 2xx counts (developer platform guide)."""
        return self.status is not None and 200 <= self.status < 300


@dataclass(slots=True)
class Delivery:
    """One request to a target URL, with all its attempts."""

    id: int
    app: App
    url: str
    events: list[Any]
    due_ms: int
    max_retries: int
    attempts: list[Attempt] = field(default_factory=list)
    state: State = "waiting"

    def body(self) -> bytes:
        """The compact JSON array (recorded), attemptNumber growing with each retry."""
        number = len(self.attempts)
        if number:
            for event in self.events:
                if isinstance(event, dict):
                    event["attemptNumber"] = number
        return json.dumps(self.events, separators=(",", ":"), ensure_ascii=False).encode()


class Outbox:
    """All events that wait, all deliveries that are under way, and the last ones that ended."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self.behaviour = Behaviour()
        self._buffers: dict[tuple[int, int], list[tuple[int, dict[str, Any]]]] = {}
        self._apps: dict[int, App] = {}
        self._open: dict[int, Delivery] = {}
        self._ended: deque[Delivery] = deque(maxlen=KEPT)
        self._flying: Counter[int] = Counter()
        self._last_id = 0
        self.counts = {"events": 0, "dropped_events": 0, "attempts": 0, "delivered": 0, "lost": 0}

    def add(self, app: App, event: dict[str, Any], now_ms: int) -> None:
        """Add an event; losses, repetitions and disorder from the settings happen here."""
        behaviour = self.behaviour
        if behaviour.drop_probability and self._rng.random() < behaviour.drop_probability:
            self.counts["dropped_events"] += 1
            return
        copies = 1
        if behaviour.duplicate_probability and self._rng.random() < behaviour.duplicate_probability:
            copies = 2
        self._apps[app.id] = app
        buffer = self._buffers.setdefault((app.id, 0 if behaviour.mix_portals else event["portalId"]), [])
        for copy in range(copies):
            late_ms = int(self._rng.uniform(0, behaviour.disorder_seconds) * 1000) if behaviour.disorder_seconds else 0
            late_ms += copy * int(2_000 * behaviour.delivery_delay_seconds)
            buffer.append((now_ms + late_ms, dict(event)))
            self.counts["events"] += 1

    def take_due(self, now_ms: int) -> Iterator[Delivery]:
        """The deliveries to send now: never more in flight per app than its maxConcurrentRequests."""
        self._pack(now_ms)
        for delivery in sorted(self._open.values(), key=lambda one: (one.due_ms, one.id)):
            if delivery.due_ms > now_ms:
                break
            if delivery.state == "waiting" and self.in_flight(delivery.app) < delivery.app.max_concurrent:
                self.start(delivery)
                yield delivery

    def next_due_ms(self) -> int | None:
        """When to look again, unless something happens before."""
        collect_ms = int(self.behaviour.delivery_delay_seconds * 1000)
        moments = [min(ready for ready, _ in buffer) + collect_ms for buffer in self._buffers.values() if buffer]
        moments += [
            one.due_ms
            for one in self._open.values()
            if one.state == "waiting" and self.in_flight(one.app) < one.app.max_concurrent
        ]
        return min(moments, default=None)

    def enclose(self, app: App, events: list[Any], now_ms: int, max_retries: int, url: str | None = None) -> Delivery:
        """Make a delivery of the given events, unchanged."""
        self._last_id += 1
        delivery = Delivery(self._last_id, app, url or app.target_url or "", events, now_ms, max_retries)
        self._open[delivery.id] = delivery
        return delivery

    def start(self, delivery: Delivery) -> None:
        """Count a delivery as in flight."""
        delivery.state = "sending"
        self._flying[delivery.app.id] += 1

    def settle(self, delivery: Delivery, attempt: Attempt, now_ms: int) -> None:
        """Note how an attempt went, and plan the next one if there is to be one."""
        self._flying[delivery.app.id] -= 1
        delivery.attempts.append(attempt)
        self.counts["attempts"] += 1
        retries = len(delivery.attempts) - 1
        if attempt.succeeded or retries >= delivery.max_retries:
            delivery.state = "delivered" if attempt.succeeded else "lost"
            self.counts[delivery.state] += 1
            if self._open.pop(delivery.id, None):
                self._ended.append(delivery)
            return
        seconds = SCHEDULE_SECONDS[min(retries, len(SCHEDULE_SECONDS) - 1)] * self.behaviour.retry_scale
        delivery.due_ms = now_ms + int(seconds * 1000 * self._rng.uniform(1.0, 1.1))
        delivery.state = "waiting"

    def in_flight(self, app: App) -> int:
        """How many requests of an app wait for their answer."""
        return self._flying[app.id]

    def outstanding(self) -> int:
        """Events that wait and deliveries that have not ended."""
        return sum(map(len, self._buffers.values())) + len(self._open)

    def deliveries(self) -> list[Delivery]:
        """The last ended deliveries and all open ones, oldest first."""
        return sorted([*self._ended, *self._open.values()], key=lambda one: one.id)

    def forget(self) -> None:
        """Forget ended deliveries."""
        self._ended.clear()
        self.counts = dict.fromkeys(self.counts, 0)

    def _pack(self, now_ms: int) -> None:
        collect_ms = int(self.behaviour.delivery_delay_seconds * 1000)
        for (app_id, _), buffer in self._buffers.items():
            if not buffer or min(ready for ready, _ in buffer) + collect_ms > now_ms:
                continue
            ready = [event for moment, event in buffer if moment <= now_ms]
            buffer[:] = [(moment, event) for moment, event in buffer if moment > now_ms]
            if self.behaviour.disorder_seconds:
                self._rng.shuffle(ready)
            size = max(1, self.behaviour.batch_size)
            for start in range(0, len(ready), size):
                app = self._apps[app_id]
                self.enclose(app, ready[start : start + size], now_ms, self.behaviour.max_retries)
