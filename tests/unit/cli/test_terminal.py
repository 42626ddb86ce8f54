"""Foreign text reaches no terminal as it is: CRM users and strangers write the values that commands show."""

import json
import re
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from leadsync_cli.suite.events import Event, as_text
from leadsync_cli.terminal import json_text, shown, shown_lines
from unit.cli.fake_gateway import FakeGateway

Run = Callable[..., subprocess.CompletedProcess[str]]

# Clears the screen, sets the title and a colour, in 7-bit and 8-bit form; deletes, returns, breaks the line, turns the
# direction; ends with half a character, which no stream can write, and with what a table could take for markup.
HOSTILE = "\x1b[2J\x1b]0;owned\x07\x9b31m\x7f\r\n\u202e\u2066\u2028\ud800[bold]:skull:"
CONTROLS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def test_control_characters_are_shown_as_escapes() -> None:
    """Nothing is lost, and what is shown once is not changed by being shown again."""
    text = shown(HOSTILE)

    assert text.startswith("\\x1b[2J\\x1b]0;owned\\x07\\x9b31m\\x7f\\r\\n\\u202e\\u2066\\u2028\\ud800[bold]")
    assert shown(text) == text
    assert shown("Zoë 李 👩\u200d💻 a\\b") == "Zoë 李 👩\u200d💻 a\\b"
    assert shown_lines("a\x1b\nb") == "a\\x1b\nb"


def test_json_means_the_same_and_has_no_control_characters() -> None:
    """A program that reads it gets the very value."""
    text = json_text({HOSTILE: [HOSTILE, "Zoë"]}, indent=2)

    assert not CONTROLS.search(text)
    assert json.loads(text) == {HOSTILE: [HOSTILE, "Zoë"]}
    assert "Zoë" in text


def _page(name: str, *rows: dict[str, Any]) -> dict[str, Any]:
    return {name: [*rows], "nextPageToken": HOSTILE}


ROW = dict.fromkeys(
    (
        "id",
        "email",
        "firstName",
        "state",
        "reason",
        "cause",
        "recordId",
        "leadId",
        "field",
        "ours",
        "theirs",
        "provider",
    ),
    HOSTILE,
)
EVENT = {"recordId": HOSTILE, "type": HOSTILE, "property": HOSTILE, "value": HOSTILE, "source": HOSTILE}
DELIVERY = {"receivedAt": HOSTILE, "state": "ignored", "reason": HOSTILE, "events": [EVENT]}
CHANGE = {"field": HOSTILE, "side": HOSTILE, "before": HOSTILE, "after": [HOSTILE], "because": HOSTILE}
DECISION = {"outcome": HOSTILE, "actor": HOSTILE, "decidedAt": HOSTILE, "decisionId": HOSTILE, "fields": [CHANGE]}
CHECK = {"name": HOSTILE, "state": "failed", "finding": HOSTILE, "fix": HOSTILE}
LEAD = ROW | {"customFields": {HOSTILE: HOSTILE}, "links": [ROW], HOSTILE: HOSTILE}
RUN = {"runId": HOSTILE, "kind": HOSTILE, "state": HOSTILE, "outcomes": {HOSTILE: 1}, "done": 1}
ANSWERS: dict[tuple[str, ...], tuple[str, dict[str, Any]]] = {
    ("leads", "list"): ("/leads", _page("leads", ROW)),
    ("leads", "get", "1"): ("/leads/1", LEAD),
    ("why", "1"): ("/leads/1/history", _page("explanations", DECISION)),
    ("events",): ("/events", _page("events", DELIVERY)),
    ("work", "list"): ("/work", _page("work", ROW)),
    ("conflicts", "list"): ("/conflicts", _page("conflicts", ROW)),
    ("matches",): ("/matches", _page("matches", ROW | {"candidates": [ROW]})),
    ("duplicates",): ("/duplicates", _page("duplicates", ROW)),
    ("doctor",): ("/crm-integration/only/check", {"ok": True, "checks": [CHECK]}),
    ("integration", "get"): ("/crm-integration/only", LEAD),
    ("integration", "fields"): ("/crm-integration/only/fields", {"fields": [ROW | {"options": [{"value": HOSTILE}]}]}),
    ("runs", "get", "1"): ("/crm-integration/runs/1", RUN),
    ("runs", "follow", "1"): ("/crm-integration/runs/1", RUN),
    ("webhooks", "status"): ("/crm-integration/only/webhook-status", {"url": HOSTILE, "subscriptions": [ROW]}),
}


@pytest.mark.parametrize("command", ANSWERS, ids=" ".join)
@pytest.mark.parametrize("form", [(), ("--json",)], ids=["text", "json"])
def test_no_command_sends_control_characters(
    gateway: FakeGateway, leadsync: Run, command: tuple[str, ...], form: tuple[str, ...]
) -> None:
    """Whatever stands in whichever field, names of fields included; the command works all the same."""
    gateway.with_one_integration()
    gateway.on("GET", ANSWERS[command][0], 200, ANSWERS[command][1])

    ended = leadsync(*command, *form)

    assert ended.returncode in {0, 1}, ended.stderr  # 1: the run has not succeeded
    assert not CONTROLS.search(ended.stdout + ended.stderr)
    assert "owned" in ended.stdout


@pytest.mark.parametrize("form", [(), ("--json",)], ids=["text", "json"])
def test_no_error_sends_control_characters(gateway: FakeGateway, leadsync: Run, form: tuple[str, ...]) -> None:
    """A refusal may quote a value."""
    faults = [{"field": HOSTILE, "message": HOSTILE}]
    gateway.on("GET", "/leads/1", 400, {"reason": HOSTILE, "detail": HOSTILE, "errors": faults})

    ended = leadsync("leads", "get", "1", *form)

    assert (ended.returncode, "owned" in ended.stderr) == (2, True)
    assert not CONTROLS.search(ended.stdout + ended.stderr)


def test_no_report_of_the_suite_sends_control_characters() -> None:
    """The end of a log that `leadsync up` shows may hold anything."""
    facts = {"detail": HOSTILE, "log_tail": f"one\n{HOSTILE}"}
    assert not CONTROLS.search(as_text(Event("failed", "lead-store", dict(facts))))
