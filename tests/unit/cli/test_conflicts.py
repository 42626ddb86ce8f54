"""Resolving conflicts, and making failed work due again."""

import json
import subprocess
from collections.abc import Callable

from unit.cli.fake_gateway import FakeGateway, Json

Run = Callable[..., subprocess.CompletedProcess[str]]


def conflict(**more: object) -> Json:
    """One conflict as the gateway shows it."""
    facts = {"leadId": "l1", "integrationId": "i1", "recordId": "5", "field": "phone", "base": "0", "ours": "1"}
    ours = {"oursChangedAt": "2026-01-01T10:00:00Z", "oursSource": "platform", "theirs": "2", "theirsChangedAt": None}
    rest = {"theirsSource": None, "overwritten": False, "suggested": "platform", "etag": "e7"}
    return facts | ours | rest | more


def test_taking_a_side_resolves_exactly_what_was_shown(gateway: FakeGateway, leadsync: Run) -> None:
    """`take` shows both values, sends the etag of exactly these, and says how to undo it."""
    gateway.on("GET", "/conflicts", 200, {"conflicts": [conflict()], "nextPageToken": None})
    gateway.on("POST", "/conflicts/resolve", 200, {"decisionId": "d1"})

    result = leadsync("conflicts", "take", "l1", "phone", "crm")

    assert gateway.requests[0].sent == {"leadId": "l1", "field": "phone"}
    body = {"leadId": "l1", "integrationId": "i1", "field": "phone", "etag": "e7", "take": "crm"}
    assert gateway.requests[1].sent == body
    lines = [line.split("  ") for line in result.stdout.splitlines()]
    shown = {words[0]: " ".join(filter(None, words[1:])).strip() for words in lines}
    assert shown == {
        "platform": '"1" (platform, 2026-01-01T10:00:00Z)',
        "crm": '"2"',
        "base": '"0"',
        "suggested": "platform",
        "resolved with": '"2"',
        "undo": "leadsync conflicts undo d1",
    }


def test_a_conflict_can_be_resolved_with_a_new_value(gateway: FakeGateway, leadsync: Run) -> None:
    """`set` sends the person's value, even an empty one."""
    gateway.on("GET", "/conflicts", 200, {"conflicts": [conflict()], "nextPageToken": None})
    gateway.on("POST", "/conflicts/resolve", 200, {"decisionId": "d1"})

    result = leadsync("conflicts", "set", "l1", "phone", "", "--json")

    assert gateway.requests[1].sent["value"] == ""
    assert json.loads(result.stdout)["decisionId"] == "d1"
    assert json.loads(result.stdout)["conflict"]["theirs"] == "2"


def test_a_field_with_no_conflict_or_with_several_is_an_error(gateway: FakeGateway, leadsync: Run) -> None:
    """Nothing is sent if there is no conflict, or if two integrations have one."""
    two = [conflict(), conflict(integrationId="i2")]
    nothing: Json = {"conflicts": [], "nextPageToken": None}
    gateway.on("GET", "/conflicts", 200, nothing, {"conflicts": two, "nextPageToken": None})

    none, several = (leadsync("conflicts", "take", "l1", "phone", "crm") for _ in range(2))

    assert (none.returncode, "conflict_not_found" in none.stderr) == (5, True)
    assert (several.returncode, "--integration: i1, i2" in several.stderr) == (2, True)


def test_a_conflict_that_changed_meanwhile_is_not_resolved(gateway: FakeGateway, leadsync: Run) -> None:
    """A stale etag gives the exit code of a conflict, and a hint to look again."""
    gateway.on("GET", "/conflicts", 200, {"conflicts": [conflict()], "nextPageToken": None})
    gateway.on("POST", "/conflicts/resolve", 409, {"reason": "stale_etag", "detail": "it has changed"})

    result = leadsync("conflicts", "take", "l1", "phone", "platform")

    assert result.returncode == 6
    assert result.stderr.splitlines()[1] == "  It was changed meanwhile: look at it again, then repeat the command."


def test_all_conflicts_of_a_field_take_several_calls(gateway: FakeGateway, leadsync: Run) -> None:
    """`take-all` asks first, then repeats while there are more, and shows the total."""
    gateway.with_one_integration()
    gateway.on("POST", "/conflicts/resolve-all", 200, {"resolved": 1000, "more": True}, {"resolved": 4, "more": False})

    refused = leadsync("conflicts", "take-all", "phone", "platform", stdin="n\n")
    result = leadsync("conflicts", "take-all", "phone", "platform", "--yes", "--json")

    assert refused.returncode == 1
    assert json.loads(result.stdout) == {"resolved": 1004, "more": False}
    sent = [one.sent for one in gateway.requests_for("/conflicts/resolve-all")]
    assert sent == [{"integrationId": "only", "field": "phone", "take": "platform"}] * 2


def test_conflicts_are_listed_and_decisions_undone(gateway: FakeGateway, leadsync: Run) -> None:
    """Conflicts show both values; a decision is undone by its id."""
    gateway.on("GET", "/conflicts", 200, {"conflicts": [conflict()], "nextPageToken": None})
    gateway.on("POST", "/decisions/d1/undo", 200, {"leadId": "l1"})

    listed = leadsync("conflicts", "list", "--field", "phone")
    undone = leadsync("conflicts", "undo", "d1", "--json")

    assert listed.stdout.splitlines()[1].split() == ["l1", "phone", "1", "2", "0", "platform", "5", "no"]
    assert json.loads(undone.stdout) == {"leadId": "l1"}


def test_some_failed_work_is_redriven(gateway: FakeGateway, leadsync: Run) -> None:
    """`redrive` selects by reason and by work id."""
    gateway.on("POST", "/work/redrive", 200, {"queued": 2})

    leadsync("redrive", "-i", "i1", "--reason", "email_taken", "--work-item", "a", "--work-item", "b")

    assert gateway.requests[0].sent == {"integrationId": "i1", "reason": "email_taken", "workItemIds": ["a", "b"]}
