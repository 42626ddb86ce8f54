"""A fake gateway, and the command line as a process that calls it."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from unit.cli.fake_gateway import FakeGateway


@pytest.fixture
def gateway() -> Iterator[FakeGateway]:
    """A gateway that listens."""
    with FakeGateway() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def start(gateway: FakeGateway, tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """A function that starts the command line against the gateway."""

    def begin(*arguments: str, **more: str) -> subprocess.Popen[str]:
        environment = {"PATH": os.environ["PATH"], "LEADSYNC_URL": gateway.url, "LEADSYNC_TOKEN": "t0ken"}
        environment |= {"COLUMNS": "200", "LEADSYNC_DATA_DIR": str(tmp_path)} | more
        command = [sys.executable, "-P", "-m", "leadsync_cli", *arguments]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, env=environment, text=True, stdin=pipe, stdout=pipe, stderr=pipe)

    return begin


@pytest.fixture
def leadsync(start: Callable[..., subprocess.Popen[str]]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """A function that runs the command line against the gateway to its end."""

    def run(*arguments: str, stdin: str = "", **more: str) -> subprocess.CompletedProcess[str]:
        with start(*arguments, **more) as process:
            out, err = process.communicate(stdin, timeout=30)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    return run
