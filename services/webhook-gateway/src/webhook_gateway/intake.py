"""The way in: many webhook requests, few RecordDeliveries calls.

Group commit without a timer. A delivery that arrives while no call is in flight goes at once; whatever arrives while
one is in flight waits for the next, so the busier it gets, the larger the groups become. A second call goes beside it
only for as many as it has itself, so that neither lead-store nor the disk rests between two, or when it takes long.
What cannot be kept soon is refused soon: the CRM sends it again, and nobody was told that it is safe.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

import structlog
from msgspec import Struct

from webhook_gateway.admission import MIB, Account, Admission, NotKeptError, Room, Slot
from webhook_gateway.breaker import Breaker
from webhook_gateway.fair_queue import FairQueue
from webhook_gateway.metrics import Metrics
from webhook_gateway.providers.base import ParsedDelivery

AWAY = "store_unavailable"
_NO_ANSWER = frozenset({AWAY, "deadline_exceeded"})
# What a touch, the record of an event, and a delivery beside these weigh at most on the wire, roughly.
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
        """Whose delivery it is."""
        return self.provider, self.parsed.account_id

    @property
    def size(self) -> int:
        """Bytes it takes in a call, rounded up."""
        parsed = self.parsed
        beside = _TOUCH_BYTES * len(parsed.touches) + _EVENT_BYTES * parsed.event_count + _DELIVERY_BYTES
        return len(parsed.events) + beside


@dataclass(frozen=True, slots=True)
class Limits:
    """How much goes into a call, and how long it may take. Seconds and bytes."""

    calls: int = 2
    second_call: int = 8  # so many deliveries, and as many as are under way, are worth a call beside that one;
    slow_seconds: float = 0.1  # and so are a few, when it has taken so long
    group_bytes: int = 4 * MIB
    group_deliveries: int = 1000
    call_seconds: float = 2.5  # deadline of one call
    queue_seconds: float = 2.0  # with a call after it still within the 5 s that HubSpot waits


class RefusedError(Exception):
    """lead-store did not take a call for what is in it; sending the same call again would not help."""


# Keeps deliveries within so many seconds; says for each whether it had been kept before. Raises NotKeptError, or
# RefusedError if one of them is not acceptable.
Recorder = Callable[[Sequence[Delivery], float], Awaitable[Sequence[bool]]]
# Is told of deliveries that are kept, and which of them had been before.
Listener = Callable[[Sequence[Delivery], Sequence[bool]], None]


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
        room: Room | None = None,
        limits: Limits | None = None,
        listener: Listener | None = None,
    ) -> None:
        self._record = recorder
        self._listener = listener
        self._metrics = metrics
        self._limits = limits or Limits()
        self._admission = Admission(room or Room(), self._inside_changed)
        self._showing = False  # whether the gauges are about to be set
        self._breaker = Breaker()
        self._queue: FairQueue[_Waiting] = FairQueue()
        self._calls: dict[asyncio.Task[None], int] = {}  # with the number of their deliveries
        self._slow = False  # whether the last call to begin has been under way for long

    def admit(self) -> Slot:
        """Let a request in until its slot is left. Raises NotKeptError if there is no room, or no lead-store."""
        if self._breaker.refuses(time.monotonic()):
            raise NotKeptError(AWAY)
        return self._admission.enter()

    async def keep(self, deliveries: Sequence[Delivery], slot: Slot) -> list[bool]:
        """Return once all are durable, saying for each whether it had been kept before. Raises NotKeptError."""
        accounts = [item.account for item in deliveries]
        slot.claim(set(accounts))
        now = time.monotonic()
        if not self._breaker.take(now):
            raise NotKeptError(AWAY)
        new_future = asyncio.get_running_loop().create_future
        waiting = [
            _Waiting(item, account, item.size, now, new_future())
            for item, account in zip(deliveries, accounts, strict=True)
        ]
        for each in waiting:
            self._queue.push(each.account, each)
        self._pump()
        if len(waiting) == 1:
            return [await waiting[0].kept]
        results = await asyncio.gather(*(item.kept for item in waiting), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return [result is True for result in results]

    async def close(self) -> None:
        """Wait until nothing is on the way any more; bounded, as every call has a deadline."""
        while self._calls:
            await asyncio.wait(list(self._calls))

    def _inside_changed(self) -> None:
        """Show what is inside, once for all that changes in a turn of the loop."""
        if not self._showing:
            self._showing = True
            asyncio.get_running_loop().call_soon(self._show_inside)

    def _show_inside(self) -> None:
        self._showing = False
        self._metrics.intake_requests.set(self._admission.requests)
        self._metrics.intake_bytes.set(self._admission.bytes)

    def _pump(self) -> None:
        """Start calls while some are free and something waits."""
        while self._may_call() and (group := self._next_group()):
            self._slow = False
            task = asyncio.create_task(self._send(group))
            self._calls[task] = len(group)
            timer = asyncio.get_running_loop().call_later(self._limits.slow_seconds, self._late)
            task.add_done_callback(partial(self._finished, timer))

    def _may_call(self) -> bool:
        """Whether a call may begin: fewer and larger ones cost less, as long as nothing rests between them."""
        if not self._calls:
            return True
        worth_it = self._slow or len(self._queue) >= max(self._limits.second_call, *self._calls.values())
        return worth_it and len(self._calls) < self._limits.calls

    def _late(self) -> None:
        """Wait no longer for a call that takes its time: it may be a process that hangs."""
        self._slow = True
        self._pump()

    def _finished(self, timer: asyncio.TimerHandle, task: asyncio.Task[None]) -> None:
        del self._calls[task]
        timer.cancel()
        error = None if task.cancelled() else task.exception()
        if error is not None:
            structlog.get_logger().error("recording deliveries went wrong", exc_info=error)
        self._pump()

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
            except RefusedError:
                self._answered()
                self._split(group)
                return
            except NotKeptError as error:
                self._not_answered() if error.reason in _NO_ANSWER else self._answered()
                for item in group:
                    _fail(item, error.reason)
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
        if self._listener is not None:
            asyncio.get_running_loop().call_soon(self._listener, deliveries, duplicates)  # answers go first

    def _split(self, group: list[_Waiting]) -> None:
        """Send each on its own, so that one that is refused does not take its neighbours along."""
        if len(group) == 1:
            _fail(group[0], "delivery_refused")
            return
        for item in reversed(group):
            item.alone = True
            self._queue.push_first(item.account, item)

    def _answered(self) -> None:
        self._breaker.succeeded()
        self._metrics.breaker_open.set(0)

    def _not_answered(self) -> None:
        """Note that lead-store is away; once that is certain, nobody waits for it any longer."""
        self._breaker.failed(time.monotonic())
        if self._breaker.is_open:
            self._metrics.breaker_open.set(1)
            for item in self._queue.drain():
                _fail(item, AWAY)


def _fail(item: _Waiting, reason: str) -> None:
    if not item.kept.done():
        item.kept.set_exception(NotKeptError(reason))
