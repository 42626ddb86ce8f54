"""The soak's clocks that jump."""

import asyncio
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from soak.clock import make_clocks

PROGRAM = """
import sys, time
from datetime import UTC, datetime
for _ in sys.stdin:
    print(time.time(), datetime.now(UTC).timestamp(), flush=True)
"""


@pytest.mark.skipif(shutil.which("cc") is None, reason="it takes a C compiler")
def test_a_clock_jumps_and_returns(tmp_path: Path) -> None:
    """The process reads another time of day while it lasts, whichever way it asks, and the right one afterwards."""
    clock = make_clocks(tmp_path, ["one"])["one"]
    environment = os.environ | clock.environment
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:

        def wrong_by() -> list[int]:
            """Thousands of seconds that the process is wrong by, however long it takes to answer."""
            assert process.stdin
            assert process.stdout
            print(file=process.stdin, flush=True)
            return [round((float(at) - time.time()) / 1000) for at in process.stdout.readline().split()]

        async def jump() -> list[list[int]]:
            found = [wrong_by()]
            for seconds in (5_000.0, -5_000.0):
                jumping = asyncio.create_task(clock.jump(seconds, 0.0))
                await asyncio.sleep(0)
                found.append(wrong_by())
                await jumping
            return [*found, wrong_by()]

        assert asyncio.run(jump()) == [[0, 0], [5, 5], [-5, -5], [0, 0]]
        process.communicate()
