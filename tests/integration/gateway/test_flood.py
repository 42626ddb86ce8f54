"""Hostile requests of every kind at once, on a process of its own, with good webhooks beside them."""

import asyncio
import contextlib
import json
import sys
from pathlib import Path

import httpx
import pytest
from integration.gateway.doubles.store import Store
from integration.gateway.harness import HOOK, body_of, environment, event, sign, until

pytestmark = pytest.mark.anyio

MOST_MEMORY = 300  # MiB
MOST_LOG = 64 * 1024  # bytes
MIB = 1024 * 1024
GET = b"GET / HTTP/1.1\r\nhost: x\r\n"
_UNSIGNED = f"POST {HOOK} HTTP/1.1\r\nhost: x\r\ncontent-length: {32 * MIB}\r\n\r\n".encode()


def _post(size: int, sent: bytes) -> bytes:
    """A webhook with a made-up signature, of whose body only a part is sent."""
    headers = {**sign(b""), "host": "x", "content-length": str(size)}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST {HOOK} HTTP/1.1\r\n{head}\r\n".encode() + sent


# What is sent on each of so many connections, which stay open afterwards.
FLOOD = {
    "nothing": (600, b""),
    "half a head": (300, GET + b"a: b"),
    "too many headers": (100, GET + b"a: b\r\n" * 20_000),
    "no request": (300, b"\x16\x03\x01 no\r\n\r\n"),
    "many requests": (50, (GET + b"\r\n") * 2000),
    "a byte of a body": (300, _post(100, b"x")),
    "most of a large body": (12, _post(9 * MIB, b"x" * 8 * MIB)),
    "a large body without a signature": (12, _UNSIGNED + b"x" * 8 * MIB),
    "a wrong token": (100, b"GET /api/v1/leads HTTP/1.1\r\nhost: x\r\nauthorization: Bearer a.b.c\r\n\r\n"),
    "an upgrade": (100, GET + b"connection: upgrade\r\nupgrade: websocket\r\n\r\n"),
    "metrics": (100, b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n" * 10),
}  # fmt: skip


async def _send(port: int, sent: bytes, opened: list[asyncio.StreamWriter]) -> None:
    with contextlib.suppress(ConnectionError):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        opened.append(writer)
        writer.write(sent)
        await writer.drain()


async def _alive(http: httpx.AsyncClient) -> bool:
    try:
        return (await http.get("/livez")).status_code == 200
    except httpx.ConnectError:
        return False


def _peak_memory(pid: int) -> int:
    """The most memory that a process has had, in MiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM"))


async def test_a_flood_of_everything(free_tcp_port: int, tmp_path: Path) -> None:
    """Memory and log stay small, nothing is an internal error, and every good webhook beside it is kept."""
    store, log, opened = Store(), tmp_path / "log", list[asyncio.StreamWriter]()
    async with store.serve(), contextlib.AsyncExitStack() as stack:
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "webhook_gateway"),
                env={"PATH": "/usr/bin:/bin"} | environment(store.port, store.port, GATEWAY_PORT=str(free_tcp_port)),
                stdout=output,
                stderr=output,
            )
        stack.push_async_callback(process.wait)
        stack.callback(process.kill)
        base = f"http://127.0.0.1:{free_tcp_port}"
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=base, trust_env=False, timeout=60))
        await until(lambda: _alive(http))
        payloads = [sent for number, sent in FLOOD.values() for _ in range(number)]
        flood = asyncio.gather(*(_send(free_tcp_port, sent, opened) for sent in payloads))
        number = 0
        while not flood.done() or number < 20:
            body, number = body_of(event(objectId=number)), number + 1
            assert (await http.post(HOOK, content=body, headers=sign(body))).status_code == 200
            assert (await http.get("/livez")).status_code == 200
        await flood
        metrics = (await http.get("/metrics")).text
        assert 'status="500"' not in metrics
        assert _peak_memory(process.pid) < MOST_MEMORY
        for writer in opened:
            writer.transport.abort()
    lines = [json.loads(line) for line in log.read_bytes().splitlines()]
    assert {line["level"] for line in lines} <= {"info", "warning"}
    assert log.stat().st_size < MOST_LOG
