"""Many webhook requests become few RecordDeliveries calls.

Group commit without a timer. A delivery that arrives while no call is in flight goes at once; whatever arrives while
one is in flight waits for the next, so the busier it gets, the larger the groups become. A second call starts beside
the first only for as many deliveries as the first has, or when the first takes long: so neither lead-store nor the disk
is idle between two calls. What cannot be kept soon is refused soon: it was not acknowledged, so the CRM sends it again.
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
# The most bytes that a touch, the record of an event, and the rest of a delivery have on the wire, roughly.
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
        """The account that the delivery is of."""
        return self.provider, self.parsed.account_id

    @property
    def size(self) -> int:
        """Bytes it takes in a call, rounded up."""
        parsed = self.parsed
        beside = _TOUCH_BYTES * len(parsed.touches) + _EVENT_BYTES * parsed.event_count + _DELIVERY_BYTES
        return len(parsed.events) + beside


@dataclass(frozen=True, slots=True)
class CallLimits:
    """How much goes into a call, and how long it may take. Seconds and bytes."""

    calls: int = 2  # at the same time
    second_call: int = 8  # a second call starts for so many deliveries, if the first has no more than these,
    slow_seconds: float = 0.1  # or for any number once the first has taken so long
    group_bytes: int = 4 * MIB
    group_deliveries: int = 1000
    call_seconds: float = 2.5  # deadline of one call
    queue_seconds: float = 2.0  # with a call after it less than the 5 s that a CRM waits


# Keeps deliveries within so many seconds; answers for each whether it had been kept before. Raises NotKeptError;
# with the reason DELIVERY_REFUSED one of them is not acceptable, and the same call would fail again.
Recorder = Callable[[Sequence[Delivery], float], Awaitable[Sequence[bool]]]
# Called with deliveries that are kept, and for each whether it had been kept before.
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
    """Gathers deliveries into calls. One per process; lives in one event loop."""

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
        self._gauges_due = False  # whether the gauges are about to be set
        self._breaker = CircuitBreaker()
        self._queue: FairQueue[_Waiting] = FairQueue()
        self._calls: dict[asyncio.Task[None], int] = {}  # with the number of their deliveries
        self._slow = False  # whether the call that began last takes long

    def admit(self) -> AdmittedRequest:
        """Admit a request until its block ends. Raises NotKeptError if too much is admitted or lead-store is away."""
        if self._breaker.refuses(time.monotonic()):
            raise NotKeptError(STORE_UNAVAILABLE)
        return self._admission.admit()

    async def keep(self, deliveries: Sequence[Delivery], admitted: AdmittedRequest) -> list[bool]:
        """Return once all are durable, with whether each had been kept before. Raises NotKeptError."""
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
        """Wait until no call is in flight; bounded, since every call has a deadline."""
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
        """Start calls while another one may begin and something waits."""
        while self._may_call() and (group := self._next_group()):
            self._slow = False
            task = asyncio.create_task(self._send(group))
            self._calls[task] = len(group)
            timer = asyncio.get_running_loop().call_later(self._limits.slow_seconds, self._call_is_slow)
            task.add_done_callback(partial(self._finished, timer))

    def _may_call(self) -> bool:
        """Whether a call may begin: fewer and larger calls cost less, unless lead-store is idle in between."""
        if not self._calls:
            return True
        worthwhile = self._slow or len(self._queue) >= max(self._limits.second_call, *self._calls.values())
        return worthwhile and len(self._calls) < self._limits.calls

    def _call_is_slow(self) -> None:
        """Do not wait for a call that takes long: the process that it went to may hang."""
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
        """Take what goes into one call: each account in turn, up to the limits, but at least one."""
        group: list[_Waiting] = []
        size = 0
        oldest = time.monotonic() - self._limits.queue_seconds
        while (item := self._queue.first()) is not None:
            if item.since < oldest:
                _fail(self._queue.take(), "queue_timeout")
            elif item.kept.done():
                self._queue.take()  # the request has gone away
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
            asyncio.get_running_loop().call_soon(self._on_kept, deliveries, duplicates)  # answers go first

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
        """Queue each for a call of its own, so that one that is refused does not fail its neighbours."""
        for item in reversed(group):
            item.alone = True
            self._queue.push_first(item.account, item)

    def _answered(self) -> None:
        self._breaker.succeeded()
        self._metrics.breaker_open.set(0)

    def _not_answered(self) -> None:
        """Note that lead-store did not answer; once it is certainly away, fail everything that waits for it."""
        self._breaker.failed(time.monotonic())
        if self._breaker.is_open:
            self._metrics.breaker_open.set(1)
            for item in self._queue.drain():
                _fail(item, STORE_UNAVAILABLE)


def _fail(item: _Waiting, reason: str) -> None:
    if not item.kept.done():
        item.kept.set_exception(NotKeptError(reason))
