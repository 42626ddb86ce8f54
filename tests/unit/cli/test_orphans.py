"""A killed supervisor leaves no process behind."""

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from leadsync_cli.suite import child

PROGRAM = """
import asyncio, sys
from pathlib import Path
from leadsync_cli.suite.component import Component
from leadsync_cli.suite.events import Reporter, as_json
from leadsync_cli.suite.supervisor import Supervisor

async def at_once(): return True
async def nothing(): reporter.report("up")

reporter = Reporter(as_json)
components = [Component(name, ("/bin/sleep", "600"), "", at_once, at_once) for name in ("one", "two")]

async def run():
    await Supervisor(components, Path(sys.argv[1]), reporter).run(nothing)

asyncio.run(run())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel ties children to their parent on Linux only")
def test_a_killed_supervisor_leaves_no_child(tmp_path: Path) -> None:
    """SIGKILL of the supervisor ends every child at once: the kernel does it."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as supervisor:
        pids = []
        for line in supervisor.stdout or ():
            event = json.loads(line)
            if event["event"] == "started":
                pids.append(event["pid"])
            if event["event"] == "up":
                break
        handles = [os.pidfd_open(pid) for pid in pids]
        supervisor.send_signal(signal.SIGKILL)

        ended = [bool(select.select([handle], [], [], 10)[0]) for handle in handles]

    for handle in handles:
        os.close(handle)
    assert ended == [True, True]


def test_a_child_whose_parent_is_gone_does_not_start() -> None:
    """The wrapper runs nothing if its parent is no longer the process that started it."""
    command = [sys.executable, "-I", "-S", child.__file__, "1", "/bin/echo", "started"]
    if os.getpid() == 1:
        pytest.skip("this is process 1")

    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)

    assert (result.returncode, result.stdout) == (1, "")
