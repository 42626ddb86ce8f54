"""Starts the baseline beside a database."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from leadsync_cli.suite.catalogue import SIMULATED

from bench.rig import stop

READY_SECONDS = 30.0
_TESTS = Path(__file__).resolve().parents[2]


@contextmanager
def run_baseline(mongo_url: str, core: int | None) -> Iterator[int]:
    """Run both processes on a core until the block ends; yield the gateway's port."""
    store, gateway = _free_port(), _free_port()
    with ExitStack() as stack:
        stack.enter_context(_running("bench.baseline.store", core, store, str(store), mongo_url))
        stack.enter_context(_running("bench.baseline.gateway", core, gateway, str(gateway), f"127.0.0.1:{store}"))
        yield gateway


@contextmanager
def _running(module: str, core: int | None, port: int, *arguments: str) -> Iterator[None]:
    pin = ("taskset", "-c", str(core)) if core is not None else ()
    environment = os.environ | {
        "PYTHONPATH": str(_TESTS),
        "HUBSPOT_CLIENT_SECRET": SIMULATED["HUBSPOT_CLIENT_SECRET"],
    }
    process = subprocess.Popen([*pin, sys.executable, "-m", module, *arguments], env=environment)
    try:
        end = time.monotonic() + READY_SECONDS
        while not _listens(port):
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{module} did not start")
            time.sleep(0.05)
        yield
    finally:
        stop(process)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0
