"""What `leadsync up` writes about the suite, where it cannot be written."""

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import os
from leadsync_cli.suite.events import Reporter, as_json

reporter = Reporter(as_json)
reporter.report("lost")
os.dup2(2, 1)
reporter.report("shown")
"""


def test_reports_go_on_after_a_full_disk() -> None:
    """A report that finds the disk full is lost; the next one is written."""
    command = [sys.executable, "-u", "-c", PROGRAM]
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=True)

    assert ended.stderr == '{"event": "shown", "component": ""}\n'
