"""Several equal processes behind one port, and their parent, which replaces those that die or hang and serves nothing.

Each listens on a socket of its own (SO_REUSEPORT), and the kernel spreads connections over these sockets. A process
that has died gets none, and a new one gets none before it is ready.
"""

import asyncio
import gc
import multiprocessing
import os
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from ctypes import c_ulong
from dataclasses import replace
from multiprocessing.context import SpawnContext, SpawnProcess

import structlog
import uvloop
from prometheus_client.multiprocess import mark_process_dead

from webhook_gateway import bootstrap, logs
from webhook_gateway.settings import Settings

STOP_SECONDS = 5.0  # then those that still run are killed
CHECK_SECONDS = 0.25  # how often it looks for processes that have died
RESTART_SECONDS = 1.0  # the least time between two starts of the same process
SIGN_SECONDS = 1.0  # how often each of them gives a sign of life
MOST_LOOKS = 120  # without a new sign, which are 30 s: then it hangs, or is stopped


class Signs:
    """Signs of life of one process: a number in memory that its parent sees."""

    def __init__(self, context: SpawnContext) -> None:
        self.number = context.Value("L", 0, lock=False)
        self._seen, self._looks = 0, 0

    def are_missing(self) -> bool:
        """Whether so many looks have shown no new sign. What pauses the parent as well pauses the counting."""
        self._looks = 0 if self.number.value != self._seen else self._looks + 1
        self._seen = self.number.value
        return self._looks >= MOST_LOOKS


class Workers:
    """Keeps a number of processes running until it is stopped."""

    def __init__(self, settings: Settings, shared: str) -> None:
        self._settings = settings
        self._shared = shared
        # A fresh interpreter each: gRPC does not survive a fork.
        self._context: SpawnContext = multiprocessing.get_context("spawn")
        self._running: dict[int, SpawnProcess] = {}  # by index
        self._signs: dict[int, Signs] = {}
        self._next_start: dict[int, float] = {}

    def run(self, stop: threading.Event) -> None:
        """Run until `stop` is set, then end them all."""
        try:
            while not stop.is_set():
                for index in range(self._settings.processes):
                    self._keep_running(index)
                stop.wait(CHECK_SECONDS)
        finally:
            self._end()

    def _keep_running(self, index: int) -> None:
        """Start the process of this index unless it runs; log it if it has died, and kill it if it hangs."""
        process = self._running.get(index)
        if process is not None and process.is_alive() and self._signs[index].are_missing():
            structlog.get_logger().error("a process gives no sign of life and is killed", pid=process.pid)
            process.kill()
            process.join()
        if process is not None and not process.is_alive():
            structlog.get_logger().error("a process has died", pid=process.pid, code=process.exitcode)
            mark_process_dead(process.pid, self._shared)  # type: ignore[no-untyped-call]
            del self._running[index]
        now = time.monotonic()
        if index not in self._running and now >= self._next_start.get(index, now):
            signs = self._signs[index] = Signs(self._context)
            given = self._settings, self._shared, signs.number
            process = self._context.Process(target=work, args=given, daemon=True)
            process.start()
            self._running[index], self._next_start[index] = process, now + RESTART_SECONDS

    def _end(self) -> None:
        deadline = time.monotonic() + STOP_SECONDS
        for process in self._running.values():
            process.terminate()
        for process in self._running.values():
            process.join(max(0.0, deadline - time.monotonic()))
            if process.is_alive():
                structlog.get_logger().warning("a process did not end in time", pid=process.pid)
                process.kill()
                process.join()


def supervise(settings: Settings) -> None:
    """Run the processes of these settings until SIGTERM or SIGINT. Raises OSError if the port is taken."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    log = structlog.get_logger()
    with (
        _reserved(settings) as port,
        tempfile.TemporaryDirectory(prefix="webhook-gateway-metrics-") as shared,
    ):
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = shared  # read by prometheus_client when the processes import it
        log.info("webhook-gateway starts processes", processes=settings.processes, port=port)
        Workers(replace(settings, port=port), shared).run(stop)
    log.info("all processes have ended")


@contextmanager
def _reserved(settings: Settings) -> Iterator[int]:
    """Hold the ports, without listening, until the block ends; gives that of everything.

    Raises OSError if another program has one of them.
    """
    with bootstrap.listening(settings) as probes:  # not shared, so that it fails beside another gateway
        found = [(probe.family, probe.getsockname()) for probe in probes]
    with ExitStack() as stack:
        for family, address in found:
            held = stack.enter_context(socket.socket(family))
            for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
                held.setsockopt(socket.SOL_SOCKET, option, 1)
            held.bind(address)
        yield found[0][1][1]


def work(settings: Settings, shared: str, sign: c_ulong) -> None:
    """Serve in a process of its own, until SIGTERM or SIGINT, or until the parent is gone; `sign` counts up."""
    logs.configure(settings.log_level)
    with (
        bootstrap.listening(settings, shared=True) as sockets,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        runner.run(_serve_with_signs(settings, sockets, shared, sign))


async def _serve_with_signs(settings: Settings, sockets: list[socket.socket], shared: str, sign: c_ulong) -> None:
    loop = asyncio.get_running_loop()

    def give() -> None:
        sign.value += 1
        loop.call_later(SIGN_SECONDS, give)

    give()
    await serve(settings, sockets, shared)


async def serve(settings: Settings, sockets: list[socket.socket], shared: str = "") -> None:
    """Serve on sockets until SIGTERM or SIGINT, or until the parent is gone."""
    gc.freeze()  # modules are never garbage: searching them would stop everything for some 10 ms
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if parent := multiprocessing.parent_process():
        loop.add_reader(parent.sentinel, stop.set)
    await bootstrap.run(settings, stop, sockets, shared)
