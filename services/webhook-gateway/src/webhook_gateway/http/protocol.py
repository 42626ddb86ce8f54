"""HTTP/1.1 on one connection: uvicorn's own protocol, within limits that it does not have.

With httptools, uvicorn bounds neither the size of a head nor the time that it takes.
"""

import time
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from webhook_gateway.http.connections import Connections, Stage
from webhook_gateway.http.problems import response_of
from webhook_gateway.logs import ThinnedLines
from webhook_gateway.metrics import Metrics
from webhook_gateway.problem import Problem
from webhook_gateway.senders import sender_of

MAX_HEAD = 32 * 1024  # bytes of a head, and of what comes between or after the parts of a body
MAX_HEADERS = 100
MAX_UNREAD = 16 * 1024  # bytes of answers that may wait to be read before the next part waits too
MAX_PIPELINED = 16  # requests that were sent before the one before them was answered

_TOO_LARGE = Problem(
    431, "head_too_large", f"the head of a request has at most {MAX_HEAD} bytes and {MAX_HEADERS} headers"
)
_MALFORMED = Problem(400, "malformed_request", "this is not a request in HTTP/1.1")
_TOO_SLOW = Problem(408, "head_timeout", "the head of the request did not arrive in time")


class BoundedConnection(HttpToolsProtocol):
    """A connection that is refused as soon as it asks for too much, as `connections.Connection`."""

    def __init__(
        self, connections: Connections, metrics: Metrics, lines: ThinnedLines, *args: Any, **named: Any
    ) -> None:
        super().__init__(*args, **named)
        self._open = connections
        self._metrics = metrics
        self._lines = lines
        self._too_large = False
        self._unused = 0  # bytes that came since the last part of a body, or since the request began
        self._head = 0  # bytes of headers
        self.address = ""
        self.stage = Stage.IDLE
        self.since = 0.0
        self.unread_since: float | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for the first request."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=MAX_UNREAD)
        self.address = sender_of(self.client)
        self._enter(Stage.IDLE)
        self._open.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._open.closed(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what was sent, in pieces so small that a head that is too large is never parsed whole."""
        if self.stage is Stage.IDLE:
            self._enter(Stage.HEAD)
        if len(data) <= MAX_HEAD:
            self._take(data)
            return
        for at in range(0, len(data), MAX_HEAD):
            if self.parser is None or self.transport.is_closing():
                return
            self._take(data[at : at + MAX_HEAD])

    def _take(self, data: bytes) -> None:
        self._unused += len(data)
        super().data_received(data)
        if self._unused > MAX_HEAD and not self.transport.is_closing():
            self._too_large = True
            self.send_400_response("")

    def on_message_begin(self) -> None:
        """Begin a request. An exception here ends the parser, and uvicorn calls `send_400_response`."""
        if len(self.pipeline) >= MAX_PIPELINED:
            raise ValueError("too many requests at once")
        self._head = 0
        if self.stage is not Stage.HEAD:
            self._enter(Stage.HEAD)
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, or a trailer after a body."""
        self._head += len(name) + len(value) + 4
        if self._head + len(self.url) > MAX_HEAD or len(self.headers) >= MAX_HEADERS:
            self._too_large = True
            raise ValueError("the head is too large")
        if self.stage is Stage.HEAD:  # a trailer is no header: the request was judged by its headers already
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Begin to wait for the body."""
        self.stage = Stage.BODY
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._unused = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Note that the request is whole."""
        self._unused = 0
        self._enter(Stage.IDLE if self.cycle.response_complete else Stage.ANSWER)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Begin to wait for the next request, unless there is more of this one, or the next is there already."""
        if self.stage is Stage.ANSWER and not self.pipeline:
            self._enter(Stage.IDLE)
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Note that an answer is not read."""
        self.unread_since = time.monotonic()
        super().pause_writing()

    def resume_writing(self) -> None:
        """Note that an answer is read again."""
        self.unread_since = None
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  uvicorn's text; ours is a problem
        """Refuse what the parser could not take, and end the connection."""
        problem = _TOO_LARGE if self._too_large else _MALFORMED
        self._count(problem.reason)
        self._refuse(problem)

    def end(self, reason: str) -> None:
        """End the connection, and count why."""
        self._count(reason)
        if reason == _TOO_SLOW.reason and self._unused and not self.transport.is_closing():
            self._refuse(_TOO_SLOW)
        else:
            self.transport.abort()

    def _enter(self, stage: Stage) -> None:
        self.stage = stage
        self.since = time.monotonic()

    def _count(self, reason: str) -> None:
        self._metrics.connections_ended.labels(reason).inc()
        if reason != "idle":
            self._lines.warning("connection ended", reason=reason)

    def _refuse(self, problem: Problem) -> None:
        """Answer, unless another answer has begun, and close."""
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            self.transport.write(_written(problem))
        self._enter(Stage.IDLE)  # so that it ends even if the answer is not read
        self.transport.close()


def _written(problem: Problem) -> bytes:
    response = response_of(problem)
    lines = [f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}".encode()]
    lines += [name + b": " + value for name, value in (*response.raw_headers, (b"connection", b"close"))]
    return b"\r\n".join([*lines, b"", bytes(response.body)])
