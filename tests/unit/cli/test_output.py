"""Tables and facts on a real terminal, which may be narrow."""

import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from leadsync_cli.output import print_facts
from unit.cli.fake_gateway import FakeGateway

Run = Callable[..., subprocess.CompletedProcess[str]]

FIRST: dict[str, object] = {"id": "1" * 36, "provider": "hubspot", "portalId": "48975575", "paused": False}
SECOND: dict[str, object] = {"id": "2" * 36, "provider": "hubspot", "portalId": "7"}


@pytest.fixture
def integrations(gateway: FakeGateway) -> FakeGateway:
    """A gateway with two integrations."""
    gateway.on("GET", "/crm-integration", 200, {"integrations": [FIRST, SECOND], "nextPageToken": None})
    return gateway


def lines_on_terminal(columns: int, gateway: FakeGateway, folder: Path, *arguments: str) -> list[str]:
    """Run the command line on a terminal of this width; return the lines that it shows."""
    ours, theirs = pty.openpty()
    environment = {"PATH": os.environ["PATH"], "TERM": "xterm", "COLUMNS": str(columns), "LEADSYNC_URL": gateway.url}
    environment |= {"LEADSYNC_TOKEN": "t0ken", "LEADSYNC_DATA_DIR": str(folder)}
    command = [sys.executable, "-P", "-m", "leadsync_cli", *arguments]
    with subprocess.Popen(command, env=environment, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        try:
            while chunk := os.read(ours, 4096):
                shown += chunk
        except OSError:  # the other end is closed
            pass
        os.close(ours)
    assert process.returncode == 0, shown
    return [line.rstrip() for line in re.sub(r"\x1b\[[0-9;]*m", "", shown.decode()).splitlines()]


def test_a_narrow_terminal_shows_each_row_as_a_block(integrations: FakeGateway, tmp_path: Path) -> None:
    """If the table does not fit, each row is a block of lines without the empty values."""
    assert lines_on_terminal(60, integrations, tmp_path, "integration", "list") == [
        f"ID       {'1' * 36}",
        "CRM      hubspot",
        "ACCOUNT  48975575",
        "PAUSED   no",
        "",
        f"ID       {'2' * 36}",
        "CRM      hubspot",
        "ACCOUNT  7",
    ]


def test_a_wide_terminal_shows_a_table(integrations: FakeGateway, tmp_path: Path) -> None:
    """If the table fits, each row is one line."""
    heading, first, second = lines_on_terminal(100, integrations, tmp_path, "integration", "list")

    assert heading.split()[:3] == ["ID", "CRM", "ACCOUNT"]
    assert first.split() == ["1" * 36, "hubspot", "48975575", "no"]
    assert second.split() == ["2" * 36, "hubspot", "7"]


ROW: dict[str, object] = {
    "id": "a" * 64,
    "state": "failed",
    "recordId": "b" * 36,
    "leadId": "c" * 36,
    "dueAt": "2026-11-29T10:00:00Z",
    "attempts": 3,
    "reason": "ambiguous_match",
    "cause": "Several leads match the record. " * 4,
    "remedy": "See `leadsync matches`, and pick the lead. " * 4,
}


def test_a_table_in_a_pipe_breaks_no_id(gateway: FakeGateway, leadsync: Run) -> None:
    """Programs such as grep and awk find each id in one piece, however much text stands beside it."""
    gateway.on("GET", "/work", 200, {"work": [ROW], "nextPageToken": None})

    words = leadsync("work", "list").stdout.split()

    assert {ROW["id"], ROW["recordId"], ROW["leadId"], "2026-11-29T10:00:00Z", "ambiguous_match"} <= set(words)


@pytest.mark.parametrize("columns", [30, 60, 120])
def test_a_narrow_terminal_breaks_no_id(gateway: FakeGateway, tmp_path: Path, columns: int) -> None:
    """Each id is in one piece, and the terminal alone decides what becomes of a line that is too long."""
    gateway.on("GET", "/work", 200, {"work": [ROW], "nextPageToken": None})

    words = " ".join(lines_on_terminal(columns, gateway, tmp_path, "work", "list")).split()

    assert {ROW["id"], ROW["recordId"], ROW["leadId"]} <= set(words)


def test_the_doctor_breaks_no_id(gateway: FakeGateway, tmp_path: Path) -> None:
    """An id in a finding has hyphens, and is in one piece all the same."""
    lead = "0197c0de-0000-7000-8000-000000000001"
    check = {"name": "token", "state": "ok", "finding": f"The token is that of {lead}.", "fix": f"See {lead}"}
    gateway.with_one_integration()
    gateway.on("GET", "/crm-integration/only/check", 200, {"ok": True, "checks": [check]})

    words = " ".join(lines_on_terminal(40, gateway, tmp_path, "doctor")).split()

    assert {lead, f"{lead}."} <= set(words)


def test_objects_in_a_list_are_indented_below_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    """A list of objects is shown like an object; any other list is one line."""
    print_facts({"links": [{"id": 1}, {"id": 2}], "names": ["a", "b"], "none": []})

    assert capsys.readouterr().out.splitlines() == ["links", "  id  1", "", "  id  2", "names  a, b", "none   "]
