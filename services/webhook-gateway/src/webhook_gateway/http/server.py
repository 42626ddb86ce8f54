"""The HTTP server: uvicorn, with connections that are kept within limits."""

import resource
import time
from asyncio import Protocol
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import cast

import uvicorn
from starlette.types import ASGIApp

from webhook_gateway.http.connections import ConnectionLimits, Connections
from webhook_gateway.http.protocol import BoundedConnection
from webhook_gateway.logs import ThinnedLines
from webhook_gateway.metrics import Metrics

STOP_SECONDS = 5  # for answers that are on their way
_OTHER_FILES = 256  # open files that are no connections of clients


class Server(uvicorn.Server):
    """uvicorn without signal handlers of its own: its caller decides when it ends."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


def build_server(
    app: ASGIApp,
    metrics: Metrics,
    lines: ThinnedLines,
    proxies: Sequence[str] = (),
    limits: ConnectionLimits | None = None,
) -> Server:
    """Make the HTTP server; run it with `serve(sockets=[...])`, end it with `should_exit = True`.

    Of requests from one of the `proxies`, addresses or networks, it takes the sender from `X-Forwarded-For`.
    """
    limits = limits or ConnectionLimits(connections=_connections_that_fit())
    connections = Connections(limits)

    async def sweep() -> None:
        connections.sweep(time.monotonic())

    protocol = partial(BoundedConnection, connections, metrics, lines)
    config = uvicorn.Config(
        app,
        http=cast("type[Protocol]", protocol),  # uvicorn only calls it
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=list(proxies),
        timeout_keep_alive=int(limits.idle_seconds),
        timeout_graceful_shutdown=STOP_SECONDS,
        callback_notify=sweep,
        timeout_notify=0,  # every second
    )
    return Server(config)


def _connections_that_fit() -> int:
    """Raise the limit of open files as far as needed and allowed; answers how many connections there may be."""
    most = ConnectionLimits().connections
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = most + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return most if soft == resource.RLIM_INFINITY else max(1, min(most, soft - _OTHER_FILES))
