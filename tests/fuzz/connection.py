"""The bytes of a connection to the gateway: heads, bodies and what is neither."""

import asyncio
import re
import time
from functools import cache
from typing import Any, cast

from starlette.types import Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.server import ServerState
from webhook_gateway.http.protocol import MAX_HEAD, MAX_HEADERS
from webhook_gateway.http.server import build_server
from webhook_gateway.logs import ThinnedLines
from webhook_gateway.metrics import Metrics

from fuzz.target import Target

PIECE = 1000  # bytes that arrive together
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")


class _Pipe(asyncio.Transport):
    """The other side of a connection: keeps what is answered."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)})
        self.answered = b""
        self.closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.answered += bytes(data)

    def close(self) -> None:
        self.closing = True

    abort = close

    def is_closing(self) -> bool:
        return self.closing

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def pause_reading(self) -> None:
        pass

    resume_reading = pause_reading


async def _application(scope: Scope, receive: Receive, send: Send) -> None:
    size = sum(len(name) + len(value) for name, value in scope["headers"])
    assert len(scope["headers"]) <= MAX_HEADERS
    assert size + len(scope["raw_path"]) + len(scope["query_string"]) <= MAX_HEAD
    scope["path"].encode()
    while (message := await receive()).get("more_body"):
        pass
    if message["type"] == "http.request":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body"})


@cache
def _server() -> tuple[asyncio.Runner, Config]:
    config = build_server(_application, Metrics(), ThinnedLines(time.monotonic)).config
    config.load()
    return asyncio.Runner(), config


def connection(data: bytes) -> None:
    """Whatever is sent, the application sees only requests within the limits, and each answer is a known one."""
    runner, config = _server()
    runner.run(_connection(config, data))


async def _connection(config: Config, data: bytes) -> None:
    failures: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
    state, pipe = ServerState(), _Pipe()
    protocol: Any = cast("Any", config.http)(config=config, server_state=state, app_state={})
    protocol.connection_made(pipe)
    for at in range(0, len(data), PIECE):
        if not pipe.closing:
            protocol.data_received(data[at : at + PIECE])
        await asyncio.sleep(0)
    protocol.connection_lost(None)
    await asyncio.gather(*state.tasks)
    assert not failures
    assert {int(found) for found in _STATUS.findall(pipe.answered)} <= {100, 200, 400, 431}


TARGETS = (Target(connection),)
