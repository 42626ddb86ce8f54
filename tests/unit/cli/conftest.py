"""A fake gateway, and the command line that calls it."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from leadsync_cli.__main__ import main
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


def environment(gateway: FakeGateway, folder: Path) -> dict[str, str]:
    """The variables that let the command line call the gateway."""
    return {
        "LEADSYNC_URL": gateway.url,
        "LEADSYNC_TOKEN": "t0ken",
        "LEADSYNC_DATA_DIR": str(folder),
        "COLUMNS": "200",
    }


@pytest.fixture
def start(gateway: FakeGateway, tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """A function that starts the command line against the gateway, as a process."""

    def begin(*arguments: str, **more: str) -> subprocess.Popen[str]:
        variables = {"PATH": os.environ["PATH"]} | environment(gateway, tmp_path) | more
        command = [sys.executable, "-P", "-m", "leadsync_cli", *arguments]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, env=variables, text=True, stdin=pipe, stdout=pipe, stderr=pipe)

    return begin


@pytest.fixture
def leadsync(gateway: FakeGateway, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """A function that runs the command line against the gateway to its end, within this process."""

    def run(*arguments: str, stdin: str = "", **more: str) -> subprocess.CompletedProcess[str]:
        inherited = dict.fromkeys((name for name in os.environ if name.startswith("LEADSYNC_")), None)
        code = 0
        with CliRunner().isolation(stdin, inherited | environment(gateway, tmp_path) | more) as (out, err, _):
            try:
                main([*arguments])
            except SystemExit as end:
                code = int(end.code or 0)
            sys.stdout.flush()
            sys.stderr.flush()
            printed, errors = (stream.getvalue().decode().replace("\r\n", "\n") for stream in (out, err))
        return subprocess.CompletedProcess(arguments, code, printed, errors)

    return run
