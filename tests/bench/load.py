"""A load generator that costs little itself: requests signed beforehand, raw sockets, one event loop.

Closed model: each connection sends its next request when it has its answer. Open model: each request is due at a fixed
moment, whether or not earlier ones were answered; its time counts from that moment, so waiting counts too.
"""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import cast

import uvloop


@dataclass(slots=True)
class Outcome:
    """Answers and their times. `seconds` is how long the measured part lasted."""

    seconds: float = 0.0
    answered: int = 0
    refused: int = 0
    times: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Requests answered with 200 per second."""
        return self.answered / self.seconds if self.seconds else 0.0

    def percentile(self, share: float) -> float:
        """Return the milliseconds within which this share of the requests was answered."""
        ordered = sorted(self.times)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000 if ordered else float("nan")

    @property
    def middle(self) -> str:
        """The median and the number of requests, in words."""
        return f"p50 {self.percentile(0.5):,.0f} ms, of {len(self.times):,}"


class _Connection(asyncio.Protocol):
    """One HTTP/1.1 connection with one request on its way at most. Only status and length of an answer are read."""

    def __init__(self, load: "_Load") -> None:
        self._load = load
        self._seen = bytearray()
        self._due = 0.0
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport, to send on it."""
        self.transport = cast("asyncio.Transport", transport)

    def send(self, request: bytes, due: float) -> None:
        """Send a request that was due at a moment."""
        self._due = due
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Add a chunk of an answer; report the answer once it is complete."""
        self._seen += data
        head = self._seen.find(b"\r\n\r\n")
        if head < 0:
            return
        where = self._seen.find(b"content-length: ")
        length = int(self._seen[where + 16 : self._seen.index(b"\r", where)]) if 0 <= where < head else 0
        if len(self._seen) < head + 4 + length:
            return
        good = self._seen.startswith(b"HTTP/1.1 200")
        self._seen.clear()
        self._load.answered(self, self._due, good=good)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (asyncio's name)
        """Report that the connection has ended."""
        self._load.lost()


class _Load:
    """Requests to send, connections to send them on, and their answers."""

    def __init__(self, requests: Sequence[bytes], warm_up: int) -> None:
        self.outcome = Outcome()
        self.over = asyncio.Event()
        self._requests = requests
        self._next = count()
        self._warm_up = warm_up
        self._began = self._sent = 0
        self._first = 0.0
        self._due: deque[float] = deque()
        self._idle: deque[_Connection] = deque()
        self._closed = False
        self._end = float("inf")

    async def closed(self, connections: list[_Connection], seconds: float) -> Outcome:
        """Keep all connections busy for a while, or until the requests are used up."""
        self._closed, self._end = True, time.perf_counter() + seconds
        for connection in connections:
            self._send_next(connection, time.perf_counter())
        await self.over.wait()
        self.outcome.seconds = time.perf_counter() - self._first
        return self.outcome

    async def open(self, connections: list[_Connection], rate: float) -> Outcome:
        """Send all requests at a fixed rate."""
        self._idle.extend(connections)
        began = time.perf_counter() + 0.05
        for number in range(len(self._requests)):
            due = began + number / rate
            if (early := due - time.perf_counter()) > 0.0005:
                await asyncio.sleep(early)
            self._due.append(due)
            self._drain()
        await self.over.wait()
        self.outcome.seconds = time.perf_counter() - self._first
        return self.outcome

    def answered(self, connection: _Connection, due: float, *, good: bool) -> None:
        """Record an answer, and use its connection again."""
        now = time.perf_counter()
        self._began += 1
        if self._began == self._warm_up:
            self._first = now
        elif self._began > self._warm_up:
            self.outcome.answered += good
            self.outcome.refused += not good
            self.outcome.times.append(now - due)
        if not self._closed:
            self._idle.append(connection)
            self._drain()
        elif now < self._end and self._sent < len(self._requests):
            self._send_next(connection, now)
        if self._began == self._sent and (self._closed or self._began == len(self._requests)):
            self.over.set()

    def lost(self) -> None:
        """A connection has ended, so this run is of no use any more."""
        self.over.set()

    def _drain(self) -> None:
        while self._due and self._idle:
            self._send_next(self._idle.popleft(), self._due.popleft())

    def _send_next(self, connection: _Connection, due: float) -> None:
        connection.send(self._requests[self._sent], due)
        self._sent += 1


def run_closed(port: int, requests: Sequence[bytes], connections: int, seconds: float) -> Outcome:
    """Load with this many connections for a while; the first answers, two per connection at most, do not count."""
    return uvloop.run(_run(port, requests, connections, seconds=seconds))


def run_open(port: int, requests: Sequence[bytes], rate: float, connections: int = 256) -> Outcome:
    """Send all requests at a rate per second."""
    return uvloop.run(_run(port, requests, connections, rate=rate))


async def _run(
    port: int, requests: Sequence[bytes], connections: int, *, seconds: float = 0.0, rate: float = 0.0
) -> Outcome:
    load = _Load(requests, warm_up=min(connections * 2, len(requests) // 10) or 1)
    loop, made = asyncio.get_running_loop(), []
    for _ in range(min(connections, len(requests))):
        _, protocol = await loop.create_connection(lambda: _Connection(load), "127.0.0.1", port)
        made.append(protocol)
    outcome = await (load.open(made, rate) if rate else load.closed(made, seconds))
    for connection in made:
        connection.transport.abort()
    return outcome
