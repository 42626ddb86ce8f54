"""Connections that ask for too much, on a real server with a small application behind it."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from integration.gateway.harness import until
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from structlog.testing import capture_logs
from webhook_gateway.bootstrap import listen
from webhook_gateway.http.connections import ConnectionLimits
from webhook_gateway.http.protocol import MAX_HEAD, MAX_HEADERS, MAX_PIPELINED
from webhook_gateway.http.server import build_server
from webhook_gateway.logs import ThinnedLines
from webhook_gateway.metrics import Metrics

pytestmark = pytest.mark.anyio

GET = b"GET / HTTP/1.1\r\nhost: x\r\n"
CHUNKED = b"POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"


async def _application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the body of a request to /echo, with its number of headers, or with much to /large."""
    request = Request(scope, receive)
    body = await request.body() if request.url.path == "/echo" else b"x" * 1_000_000
    if request.url.path == "/":
        body = str(len(request.headers)).encode()
    await Response(body, headers={"headers": str(len(scope["headers"]))})(scope, receive, send)


@dataclass
class _Client:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def pour(self, pieces: Iterator[bytes]) -> bytes:
        """Send until the other side ends it; what it answered, as far as it was still readable."""
        try:
            for piece in pieces:
                self.writer.write(piece)
                await self.writer.drain()
        except ConnectionError:
            pass
        return await self.rest()

    async def rest(self) -> bytes:
        """Everything until the connection ends."""
        found = b""
        try:
            while part := await self.reader.read(65536):
                found += part
        except ConnectionError:
            pass
        return found

    async def ask(self, request: bytes) -> bytes:
        """Send a request; its answer's status line."""
        self.writer.write(request)
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.split(b"\r\n") if line.startswith(b"content-length: "))
        await self.reader.readexactly(int(length.removeprefix(b"content-length: ")))
        return head.split(b"\r\n")[0]


@dataclass
class _Server:
    port: int
    metrics: Metrics
    clients: list[_Client] = field(default_factory=list)

    async def connect(self, address: str = "127.0.0.1") -> _Client:
        """Open a connection from this address."""
        streams = await asyncio.open_connection("127.0.0.1", self.port, local_addr=(address, 0))
        self.clients.append(_Client(*streams))
        return self.clients[-1]

    def ended(self, reason: str) -> float:
        """How many connections were ended for this reason."""
        return (
            self.metrics.registry.get_sample_value("leadsync_gateway_connections_ended_total", {"reason": reason}) or 0
        )


@asynccontextmanager
async def _server(limits: ConnectionLimits | None = None) -> AsyncIterator[_Server]:
    metrics = Metrics()
    with listen("127.0.0.1", 0) as sock:
        server = build_server(_application, metrics, ThinnedLines(time.monotonic), limits=limits)
        serving = asyncio.create_task(server.serve(sockets=[sock]))
        running = _Server(sock.getsockname()[1], metrics)
        try:
            yield running
        finally:
            for client in running.clients:
                client.writer.transport.abort()
            server.should_exit = True
            await serving


def _times(number: int, piece: bytes) -> Iterator[bytes]:
    return (piece for _ in range(number))


def _first(head: bytes, piece: bytes) -> Iterator[bytes]:
    yield head
    yield from _times(400, piece)


ENDLESS = {
    "headers": (GET, b"a: b\r\n" * 5000),
    "a value": (GET + b"a: ", b"b" * 30_000),
    "a name": (GET, b"a" * 30_000),
    "an address": (b"GET /", b"a" * 30_000),
    "trailers": (CHUNKED + b"0\r\n", b"a: b\r\n" * 5000),
    "a trailer": (CHUNKED + b"0\r\na: ", b"b" * 30_000),
    "a chunk extension": (CHUNKED + b"1;", b"a" * 30_000),
}


@pytest.mark.parametrize("name", ENDLESS)
async def test_what_never_ends_is_refused(name: str) -> None:
    """A request that goes on and on without a body is ended after 32 KiB or 100 headers, wherever it goes on."""
    async with _server() as server:
        client = await server.connect()
        answer = await client.pour(_first(*ENDLESS[name]))
        assert answer == b"" or answer.startswith(b"HTTP/1.1 431 ")  # a reset can overtake the answer
        assert server.ended("head_too_large") == 1
        assert (await (await server.connect()).ask(GET + b"\r\n")).endswith(b"200 OK")


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (GET + b"a: b\r\n" * (MAX_HEADERS - 1) + b"\r\n", b"200"),
        (GET + b"a: b\r\n" * MAX_HEADERS + b"\r\n", b"431"),
        (GET + b"a: " + b"b" * (MAX_HEAD - 100) + b"\r\n\r\n", b"200"),
        (GET + b"a: " + b"b" * MAX_HEAD + b"\r\n\r\n", b"431"),
        (b"no request\r\n\r\n", b"400"),
    ],
)
async def test_the_largest_head(head: bytes, status: bytes) -> None:
    """A head of 100 headers or of almost 32 KiB is served; a larger one is a problem that says so."""
    async with _server() as server:
        client = await server.connect()
        line = await client.ask(head)
        assert line.split()[1] == status
        assert (
            (await client.ask(GET + b"\r\n")).split()[1] == b"200" if status == b"200" else await client.rest() == b""
        )


async def test_a_large_body_is_no_large_head() -> None:
    """Megabytes of a body pass, whole or in chunks of one byte, and what follows it on the connection is served."""
    async with _server() as server:
        client = await server.connect()
        size = 2_000_000
        whole = b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % size + b"x" * size
        assert (await client.ask(whole)).split()[1] == b"200"
        assert (await client.ask(CHUNKED + b"1\r\nx\r\n" * 20_000 + b"0\r\n\r\n")).split()[1] == b"200"
        assert (await client.ask(GET + b"\r\n")).split()[1] == b"200"


async def test_a_trailer_is_no_header() -> None:
    """What comes after a body does not change the headers that the request was judged by."""
    async with _server() as server:
        client = await server.connect()
        client.writer.write(CHUNKED + b"0\r\na: b\r\n\r\n")
        assert b"\r\nheaders: 2\r\n" in await client.reader.readuntil(b"\r\n\r\n")


async def test_too_many_requests_ahead_of_their_answers() -> None:
    """Some requests may be sent ahead; a flood of them on one connection is ended."""
    async with _server() as server:
        client = await server.connect()
        client.writer.write((GET + b"\r\n") * MAX_PIPELINED)
        for _ in range(MAX_PIPELINED):
            assert (await client.ask(b"")).split()[1] == b"200"
        await client.pour(_times(1, (GET + b"\r\n") * 5000))
        assert server.ended("malformed_request") == 1


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"", "idle"),
        (b"GET / HT", "head_timeout"),
        (CHUNKED + b"1\r\nx\r\n", "body_timeout"),
        (b"GET / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nx", "body_timeout"),  # answered before its body came
        (GET + b"\r\n", "idle"),
    ],
)
async def test_whoever_keeps_us_waiting_is_ended(sent: bytes, reason: str) -> None:
    """A connection on which nothing, or not the whole of a request, comes in time is ended."""
    limits = ConnectionLimits(head_seconds=0.2, body_seconds=0.2, idle_seconds=30)
    if reason == "idle":
        limits = ConnectionLimits(head_seconds=30, body_seconds=30, idle_seconds=0)
    async with _server(limits) as server:
        client = await server.connect()
        client.writer.write(sent)
        answer = await client.rest()
        assert (b" 408 " in answer) == (sent == b"GET / HT")
        assert reason == "idle" or server.ended(reason) == 1


async def test_an_empty_line_is_no_sign_of_life() -> None:
    """A client that sends an empty line between requests has begun one, and is ended if it does not go on."""
    async with _server(ConnectionLimits(head_seconds=0.2)) as server:
        client = await server.connect()
        await client.ask(GET + b"\r\n")
        client.writer.write(b"\r\n")
        assert b" 408 " in await client.rest()


async def test_an_answer_that_is_not_read() -> None:
    """A client that asks and does not read is ended, so that answers do not pile up."""
    async with _server(ConnectionLimits(unread_seconds=0.2)) as server:
        client = await server.connect()
        client.reader._transport.pause_reading()  # type: ignore[attr-defined]  # no public way to stop reading
        client.writer.write(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n" * MAX_PIPELINED)
        await until(lambda: server.ended("unread") == 1)


async def test_too_many_connections() -> None:
    """When there are too many, those of the address that has most give way, and every other one is served."""
    async with _server(ConnectionLimits(connections=100)) as server:
        quiet = await server.connect("127.0.0.2")
        await quiet.ask(GET + b"\r\n")
        for _ in range(150):
            await server.connect("127.0.0.1")
        assert (await quiet.ask(GET + b"\r\n")).split()[1] == b"200"
        for address in ("127.0.0.1", "127.0.0.3"):
            assert (await (await server.connect(address)).ask(GET + b"\r\n")).split()[1] == b"200"
        assert server.ended("crowded") >= 50


async def test_strangers_do_not_fill_the_log() -> None:
    """A flood of requests that are none is one line, and counted."""
    async with _server() as server:
        with capture_logs() as lines:
            for _ in range(50):
                await (await server.connect()).pour(_times(1, b"\x16\x03\x01 no\r\n\r\n"))
        assert [line["event"] for line in lines] == ["connection ended"]
        assert server.ended("malformed_request") == 50
