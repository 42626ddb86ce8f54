"""Child processes of tests, and waiting for conditions."""

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Callable[[], object], timeout: float = 60.0) -> None:
    """Wait for a condition; fails when it does not hold in time."""
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, "the condition did not hold in time"
        time.sleep(0.01)


def listens(port: int) -> bool:
    """Whether somebody listens on a port."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def child(
    command: Sequence[str], port: int, environment: Mapping[str, str], *, kill: bool = False
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a child process that listens on a port, and end it afterwards: in order, or by a kill."""
    with subprocess.Popen(
        command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            wait_until(lambda: listens(port) or process.poll() is not None, 60)
            assert process.poll() is None, f"{command[0]} ended with {process.poll()}"
            yield process
        finally:
            (process.kill if kill else process.terminate)()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
