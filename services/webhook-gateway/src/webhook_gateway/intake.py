"""The way in: many webhook requests, few RecordDeliveries calls.

Group commit without a timer. A delivery that arrives while no call is in flight goes at once; whatever arrives while
calls are in flight waits for the next one, so the busier it gets, the larger the groups become. What cannot be kept
soon is refused soon: the CRM sends it again, and nobody was told that it is safe.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog

from webhook_gateway.metrics import Metrics
from webhook_gateway.providers.base import ParsedDelivery

MIB = 1024 * 1024
# What a touch, the record of an event, and a delivery beside these weigh at most on the wire, roughly.
_TOUCH_BYTES = 300
_EVENT_BYTES = 24
_DELIVERY_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery on its way to lead-store."""

    provider: str
    parsed: ParsedDelivery
    headers: dict[str, str]
    received_at_ms: int

    @property
    def size(self) -> int:
        """Bytes it takes in a call, rounded up."""
        parsed = self.parsed
        beside = _TOUCH_BYTES * len(parsed.touches) + _EVENT_BYTES * parsed.event_count + _DELIVERY_BYTES
        return len(parsed.events) + beside


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may be on the way at once. Seconds and bytes."""

    calls: int = 2
    group_bytes: int = 4 * MIB
    group_deliveries: int = 1000
    waiting_requests: int = 2048
    waiting_bytes: int = 32 * MIB
    call_seconds: float = 2.5  # deadline of one call
    queue_seconds: float = 2.0  # with a call after it still within the 5 s that HubSpot waits


class NotKeptError(Exception):
    """The delivery was not kept, as far as we know. `reason` is stable."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class RefusedError(Exception):
    """lead-store did not take a call for what is in it; sending the same call again would not help."""


# Keeps deliveries within so many seconds; says for each whether it had been kept before. Raises NotKeptError, or
# RefusedError if one of them is not acceptable.
Recorder = Callable[[Sequence[Delivery], float], Awaitable[Sequence[bool]]]


@dataclass(slots=True, eq=False)
class _Waiting:
    delivery: Delivery
    size: int
    since: float
    kept: asyncio.Future[bool]
    alone: bool = False


@dataclass(slots=True)
class Slot:
    """Room that one request takes up; it grows while the body arrives."""

    intake: "Intake" = field(repr=False)
    size: int = 0

    def grow(self, size: int) -> None:
        """Take up so many bytes more. Raises NotKeptError if there is no room."""
        self.intake.reserve(size)
        self.size += size


class Intake:
    """Gathers deliveries into calls. One per process; lives in one event loop."""

    def __init__(self, recorder: Recorder, metrics: Metrics, limits: Limits | None = None) -> None:
        self._record = recorder
        self._metrics = metrics
        self._limits = limits or Limits()
        self._queue: deque[_Waiting] = deque()
        self._calls: set[asyncio.Task[None]] = set()
        self._requests = 0
        self._bytes = 0
        metrics.intake_requests.set_function(lambda: self._requests)
        metrics.intake_bytes.set_function(lambda: self._bytes)

    @contextmanager
    def admit(self) -> Iterator[Slot]:
        """Let a request in until the block ends. Raises NotKeptError at once if too many are inside."""
        if self._requests >= self._limits.waiting_requests:
            raise NotKeptError("intake_full")
        slot = Slot(self)
        self._requests += 1
        try:
            yield slot
        finally:
            self._requests -= 1
            self._bytes -= slot.size

    def reserve(self, size: int) -> None:
        """Count bytes that are held in memory. Raises NotKeptError if there is no room."""
        if self._bytes + size > self._limits.waiting_bytes:
            raise NotKeptError("intake_full")
        self._bytes += size

    async def keep(self, deliveries: Sequence[Delivery]) -> list[bool]:
        """Return once all are durable, saying for each whether it had been kept before. Raises NotKeptError."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        waiting = [_Waiting(item, item.size, now, loop.create_future()) for item in deliveries]
        self._queue.extend(waiting)
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
            await asyncio.wait(self._calls)

    def _pump(self) -> None:
        """Start calls while some are free and something waits."""
        while len(self._calls) < self._limits.calls and (group := self._next_group()):
            task = asyncio.create_task(self._send(group))
            self._calls.add(task)
            task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._calls.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            structlog.get_logger().error("recording deliveries went wrong", exc_info=error)
        self._pump()

    def _next_group(self) -> list[_Waiting]:
        """Take what goes into one call: in order of arrival, up to the limits, but at least one."""
        group: list[_Waiting] = []
        size = 0
        oldest = asyncio.get_running_loop().time() - self._limits.queue_seconds
        while self._queue:
            item = self._queue[0]
            if item.since < oldest:
                _fail(self._queue.popleft(), "queue_timeout")
            elif item.kept.done():
                self._queue.popleft()  # the request has gone away
            elif group and self._full(group, size + item.size, item):
                break
            else:
                group.append(self._queue.popleft())
                size += item.size
        return group

    def _full(self, group: list[_Waiting], size: int, item: _Waiting) -> bool:
        limits = self._limits
        too_much = size > limits.group_bytes or len(group) >= limits.group_deliveries
        return too_much or item.alone or group[0].alone

    async def _send(self, group: list[_Waiting]) -> None:
        with self._metrics.record_seconds.time():
            try:
                duplicates = await self._record([item.delivery for item in group], self._limits.call_seconds)
            except RefusedError:
                self._split(group)
                return
            except NotKeptError as error:
                for item in group:
                    _fail(item, error.reason)
                return
            except BaseException:
                for item in group:
                    _fail(item, "internal")
                raise
        for item, duplicate in zip(group, duplicates, strict=True):
            if not item.kept.done():
                item.kept.set_result(duplicate)
        self._metrics.group_deliveries.observe(len(group))

    def _split(self, group: list[_Waiting]) -> None:
        """Send each on its own, so that one that is refused does not take its neighbours along."""
        if len(group) == 1:
            _fail(group[0], "delivery_refused")
            return
        for item in group:
            item.alone = True
        self._queue.extendleft(reversed(group))


def _fail(item: _Waiting, reason: str) -> None:
    if not item.kept.done():
        item.kept.set_exception(NotKeptError(reason))
