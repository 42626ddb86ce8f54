"""Gathers many webhook requests into few RecordDeliveries calls.

This is group commit without a timer. A delivery that arrives while no call is in progress is sent at once. Deliveries
that arrive during a call wait for the next call. So the groups become larger as the load grows.

A second call starts beside the first in two cases: as many deliveries wait as the first call carries, or the first call
takes long. So lead-store and the disk are not idle between two calls.

A delivery that cannot be kept within a few seconds is refused. It was not acknowledged, so the CRM sends it again.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

import structlog
from msgspec import Struct

from webhook_gateway.ingest.admission import MIB, Account, Admission, AdmissionLimits, AdmittedRequest
from webhook_gateway.ingest.breaker import CircuitBreaker
from webhook_gateway.ingest.fair_queue import FairQueue
from webhook_gateway.metrics import Metrics
from webhook_gateway.problem import NotKeptError
from webhook_gateway.providers.base import ParsedDelivery

STORE_UNAVAILABLE = "store_unavailable"
DELIVERY_REFUSED = "delivery_refused"
_NO_ANSWER = frozenset({STORE_UNAVAILABLE, "deadline_exceeded"})
# Upper estimates of sizes in a call, in bytes: a touch, the data about one event, and the rest of a delivery.
_TOUCH_BYTES = 300
_EVENT_BYTES = 24
_DELIVERY_BYTES = 1024


class Delivery(Struct, frozen=True):
    """One delivery on its way to lead-store."""

    provider: str
    parsed: ParsedDelivery
    headers: dict[str, str]
    received_at_ms: int

    @property
    def account(self) -> Account:
        """The CRM account that sent the delivery."""
        return self.provider, self.parsed.account_id

    @property
    def size(self) -> int:
        """The most bytes that it takes in a call, roughly."""
        parsed = self.parsed
        beside = _TOUCH_BYTES * len(parsed.touches) + _EVENT_BYTES * parsed.event_count + _DELIVERY_BYTES
        return len(parsed.events) + beside


@dataclass(frozen=True, slots=True)
class CallLimits:
    """How much goes into a call, and how long it may take. Seconds and bytes."""

    calls: int = 2  # at the same time
    second_call: int = 8  # the fewest waiting deliveries for which a second call starts beside the first
    slow_seconds: float = 0.1  # once the first call has taken so long, a second one starts for any number
    group_bytes: int = 4 * MIB
    group_deliveries: int = 1000
    call_seconds: float = 2.5  # deadline of one call
    queue_seconds: float = 2.0  # longest wait for a call; with the call itself less than the 5 s that a CRM waits


# Stores deliveries within a number of seconds. Returns for each whether it had been stored before. Raises NotKeptError.
# Its reason DELIVERY_REFUSED means that one of the deliveries is not acceptable, so the same call would fail again.
Recorder = Callable[[Sequence[Delivery], float], Awaitable[Sequence[bool]]]
# Called with deliveries that are stored, and for each whether it had been stored before.
OnKept = Callable[[Sequence[Delivery], Sequence[bool]], None]


@dataclass(slots=True, eq=False)
class _Waiting:
    delivery: Delivery
    account: Account
    size: int
    since: float
    kept: asyncio.Future[bool]
    alone: bool = False


class Intake:
    """Gathers deliveries into calls. There is one per process; all of it runs in one event loop."""

    def __init__(
        self,
        recorder: Recorder,
        metrics: Metrics,
        admission: AdmissionLimits | None = None,
        calls: CallLimits | None = None,
        on_kept: OnKept | None = None,
    ) -> None:
        self._record = recorder
        self._on_kept = on_kept
        self._metrics = metrics
        self._limits = calls or CallLimits()
        self._admission = Admission(admission or AdmissionLimits(), self._admission_changed)
        self._gauges_due = False  # whether `_set_gauges` is scheduled
        self._breaker = CircuitBreaker()
        self._queue: FairQueue[_Waiting] = FairQueue()
        self._calls: dict[asyncio.Task[None], int] = {}  # calls in progress, and their numbers of deliveries
        self._slow = False  # whether the newest call takes long

    def admit(self, address: str = "") -> AdmittedRequest:
        """Admit a request of an address until its `with` block ends.

        Raises NotKeptError: there is no room, or lead-store is away.
        """
        if self._breaker.refuses(time.monotonic()):
            raise NotKeptError(STORE_UNAVAILABLE)
        return self._admission.admit(address)

    async def keep(self, deliveries: Sequence[Delivery], admitted: AdmittedRequest) -> list[bool]:
        """Return once all deliveries are on disk: for each, whether it had been stored before. Raises NotKeptError."""
        accounts = [item.account for item in deliveries]
        admitted.claim(set(accounts))
        now = time.monotonic()
        if not self._breaker.allows(now):
            raise NotKeptError(STORE_UNAVAILABLE)
        new_future = asyncio.get_running_loop().create_future
        waiting = [
            _Waiting(item, account, item.size, now, new_future())
            for item, account in zip(deliveries, accounts, strict=True)
        ]
        for each in waiting:
            self._queue.push(each.account, each)
        self._start_calls()
        if len(waiting) == 1:
            return [await waiting[0].kept]
        results = await asyncio.gather(*(item.kept for item in waiting), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return [result is True for result in results]

    async def close(self) -> None:
        """Wait until no call is in progress. This ends, since every call has a deadline."""
        while self._calls:
            await asyncio.wait(list(self._calls))

    def _admission_changed(self) -> None:
        """Set the gauges, once for all changes in a turn of the event loop."""
        if not self._gauges_due:
            self._gauges_due = True
            asyncio.get_running_loop().call_soon(self._set_gauges)

    def _set_gauges(self) -> None:
        self._gauges_due = False
        self._metrics.intake_requests.set(self._admission.requests)
        self._metrics.intake_bytes.set(self._admission.bytes)

    def _start_calls(self) -> None:
        """Start calls as long as deliveries wait and another call may start."""
        while self._may_call() and (group := self._next_group()):
            self._slow = False
            task = asyncio.create_task(self._send(group))
            self._calls[task] = len(group)
            timer = asyncio.get_running_loop().call_later(self._limits.slow_seconds, self._call_is_slow)
            task.add_done_callback(partial(self._finished, timer))

    def _may_call(self) -> bool:
        """Whether another call may start. Few large calls cost less, but one alone leaves lead-store idle at times."""
        if not self._calls:
            return True
        worthwhile = self._slow or len(self._queue) >= max(self._limits.second_call, *self._calls.values())
        return worthwhile and len(self._calls) < self._limits.calls

    def _call_is_slow(self) -> None:
        """Start the next call beside one that takes long: the lead-store process that it went to may hang."""
        self._slow = True
        self._start_calls()

    def _finished(self, timer: asyncio.TimerHandle, task: asyncio.Task[None]) -> None:
        del self._calls[task]
        timer.cancel()
        error = None if task.cancelled() else task.exception()
        if error is not None:
            structlog.get_logger().error("recording deliveries failed", exc_info=error)
        self._start_calls()

    def _next_group(self) -> list[_Waiting]:
        """Take deliveries for one call, each account in turn, up to the limits; at least one if any waits."""
        group: list[_Waiting] = []
        size = 0
        oldest = time.monotonic() - self._limits.queue_seconds
        while (item := self._queue.first()) is not None:
            if item.since < oldest:
                _fail(self._queue.take(), "queue_timeout")
            elif item.kept.done():
                self._queue.take()  # the client has closed the request
            elif group and self._full(group, size + item.size, item):
                break
            else:
                group.append(self._queue.take())
                size += item.size
        return group

    def _full(self, group: list[_Waiting], size: int, item: _Waiting) -> bool:
        limits = self._limits
        too_much = size > limits.group_bytes or len(group) >= limits.group_deliveries
        return too_much or item.alone or group[0].alone

    async def _send(self, group: list[_Waiting]) -> None:
        deliveries = [item.delivery for item in group]
        with self._metrics.record_seconds.time():
            try:
                duplicates = await self._record(deliveries, self._limits.call_seconds)
            except NotKeptError as problem:
                self._call_failed(group, problem.reason)
                return
            except BaseException:
                for item in group:
                    _fail(item, "internal")
                raise
        self._answered()
        for item, duplicate in zip(group, duplicates, strict=True):
            if not item.kept.done():
                item.kept.set_result(duplicate)
        self._metrics.group_deliveries.observe(len(group))
        if self._on_kept is not None:
            asyncio.get_running_loop().call_soon(self._on_kept, deliveries, duplicates)  # after the answers

    def _call_failed(self, group: list[_Waiting], reason: str) -> None:
        if reason in _NO_ANSWER:
            self._not_answered()
        else:
            self._answered()
        if reason == DELIVERY_REFUSED and len(group) > 1:
            self._send_singly(group)
        else:
            for item in group:
                _fail(item, reason)

    def _send_singly(self, group: list[_Waiting]) -> None:
        """Queue each delivery for a call of its own, so that only the refused one fails."""
        for item in reversed(group):
            item.alone = True
            self._queue.push_first(item.account, item)

    def _answered(self) -> None:
        self._breaker.succeeded()
        self._metrics.breaker_open.set(0)

    def _not_answered(self) -> None:
        """Note that lead-store did not answer. Once the circuit breaker is open, fail all waiting deliveries."""
        self._breaker.failed(time.monotonic())
        if self._breaker.is_open:
            self._metrics.breaker_open.set(1)
            for item in self._queue.drain():
                _fail(item, STORE_UNAVAILABLE)


def _fail(item: _Waiting, reason: str) -> None:
    if not item.kept.done():
        item.kept.set_exception(NotKeptError(reason))
