"""Which connections stay open: how long each may wait for its sender, and who gives way when there are too many. Pure.

Times are seconds of one monotonic clock, given by the caller.
"""

import heapq
from collections import Counter
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

GIVING_WAY = 32  # connections that end together, so that looking for them costs little for each


class Stage(Enum):
    """What a connection is in the middle of."""

    HEAD = "head"  # a request has begun, and its head is not there yet
    BODY = "body"  # the head is there and the body is not, whether or not the request was answered already
    ANSWER = "answer"  # the request is there and its answer is not
    IDLE = "idle"  # nothing has been sent yet, or the last request was answered


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """How many connections there may be, and the most seconds in each stage that waits for the other side."""

    connections: int = 4096
    head_seconds: float = 10.0
    body_seconds: float = 30.0
    idle_seconds: float = 75.0  # longer than the usual proxy in front, so that the proxy ends idle connections
    unread_seconds: float = 30.0  # while an answer is not read


class Connection(Protocol):
    """One connection, as far as it matters here."""

    address: str  # of the other side, as `sender_of` makes it
    stage: Stage
    since: float  # when the stage began
    unread_since: float | None  # since when an answer waits to be read; None = no answer does

    def end(self, reason: str) -> None:
        """End it, and count why."""


class Connections:
    """The open connections of one process."""

    def __init__(self, limits: ConnectionLimits) -> None:
        self.limits = limits
        self._open: dict[Connection, None] = {}  # in the order in which they were opened
        self._by_address: Counter[str] = Counter()
        self._seconds = {
            Stage.HEAD: (limits.head_seconds, "head_timeout"),
            Stage.BODY: (limits.body_seconds, "body_timeout"),
            Stage.IDLE: (limits.idle_seconds, "idle"),
        }

    def __len__(self) -> int:
        """Number of open connections."""
        return len(self._open)

    def opened(self, connection: Connection) -> None:
        """Take a new connection. If there are too many, some others end, or else the new one."""
        self._open[connection] = None
        self._by_address[connection.address] += 1
        if len(self._open) > self.limits.connections:
            self._make_room(connection)

    def closed(self, connection: Connection) -> None:
        """Forget a connection; repeating it changes nothing."""
        if connection in self._open:
            del self._open[connection]
            self._by_address[connection.address] -= 1
            if not self._by_address[connection.address]:
                del self._by_address[connection.address]

    def sweep(self, now: float) -> None:
        """End the connections whose other side lets us wait too long."""
        for connection in list(self._open):
            unread = connection.unread_since
            if unread is not None and now - unread > self.limits.unread_seconds:
                connection.end("unread")
            elif connection.stage in self._seconds:
                seconds, reason = self._seconds[connection.stage]
                if now - connection.since > seconds:
                    connection.end(reason)

    def _make_room(self, new: Connection) -> None:
        """End connections of the address that has most, those that have waited longest for their sender."""
        address, _ = self._by_address.most_common(1)[0]
        waiting = (
            one for one in self._open if one.address == address and one.stage is not Stage.ANSWER and one is not new
        )
        for one in heapq.nsmallest(GIVING_WAY, waiting, key=lambda one: one.since) or [new]:
            self.closed(one)
            one.end("crowded")
