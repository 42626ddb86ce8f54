"""Logging on a full disk, in each service. /dev/full refuses every write as a full disk does."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import os, sys
import structlog
from {package} import logs

logs.configure("INFO")
log = structlog.get_logger()
try:
    raise OSError("the database is away")
except OSError:
    log.exception("turn_failed")
log.warning("\\ud800", of=b"\\xff")
sys.stderr.write("goes on")
sys.stderr.flush()
os.dup2(2, 1)
log.info("written again")
"""


@pytest.mark.parametrize("package", ["lead_store", "crm_connector", "webhook_gateway"])
def test_a_log_line_that_cannot_be_written_raises_nothing(package: str) -> None:
    """What wanted to log goes on, and the next line that can be written says how many were lost."""
    command = [sys.executable, "-u", "-c", PROGRAM.format(package=package)]
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)

    went_on, line = ended.stderr.split("{", 1)
    assert (ended.returncode, went_on) == (0, "goes on")
    assert json.loads("{" + line)["lines_lost"] == 2
