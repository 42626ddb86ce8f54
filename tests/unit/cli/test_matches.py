"""Picking the lead of a record, and listing duplicate leads."""

import json
import subprocess
from collections.abc import Callable

from unit.cli.fake_gateway import FakeGateway, Json

Run = Callable[..., subprocess.CompletedProcess[str]]


def match(record_id: str = "7", integration: str = "i1") -> Json:
    """One match as the gateway shows it."""
    candidates = [
        {"leadId": "a", "keys": ["email", "phone"], "taken": False},
        {"leadId": "b", "keys": [], "taken": True},
    ]
    facts = {"integrationId": integration, "recordId": record_id, "candidates": candidates}
    return facts | {"since": "2026-01-01T10:00:00Z", "etag": f"e{record_id}"}


def page(*matches: Json, more: str | None = None) -> Json:
    """One page."""
    return {"matches": list(matches), "nextPageToken": more}


def test_matches_are_listed_with_their_candidates(gateway: FakeGateway, leadsync: Run) -> None:
    """`matches` shows a line per candidate; --json gives the gateway's page."""
    gateway.on("GET", "/matches", 200, page(match(), more="t"))

    listed = leadsync("matches", "--integration", "i1")
    raw = leadsync("matches", "--json")

    lines = [line.split() for line in listed.stdout.splitlines()[1:]]
    assert lines[:2] == [
        ["7", "a", "email,", "phone", "no", "2026-01-01T10:00:00Z"],
        ["7", "b", "yes", "2026-01-01T10:00:00Z"],
    ]
    assert lines[2] == ["next", "page", "--page-token", "t"]
    assert gateway.requests[0].sent == {"integrationId": "i1", "pageSize": "50"}
    assert json.loads(raw.stdout) == page(match(), more="t")


def test_a_pick_applies_to_exactly_what_was_shown(gateway: FakeGateway, leadsync: Run) -> None:
    """`pick` looks the record up on all pages, shows its candidates, and sends the etag of these."""
    gateway.on("GET", "/matches", 200, page(match("6"), more="t"), page(match("7")))
    gateway.on("POST", "/matches/pick", 204, {})

    result = leadsync("matches", "pick", "7", "--lead", "b")

    assert [one.sent.get("pageToken") for one in gateway.requests_for("/matches")] == [None, "t"]
    (sent,) = gateway.requests_for("/matches/pick")
    assert sent.sent == {"integrationId": "i1", "recordId": "7", "etag": "e7", "leadId": "b"}
    assert ["picked", "b"] in [line.split() for line in result.stdout.splitlines()]


def test_a_new_lead_can_be_picked(gateway: FakeGateway, leadsync: Run) -> None:
    """`--new` says that no candidate fits."""
    gateway.on("GET", "/matches", 200, page(match()))
    gateway.on("POST", "/matches/pick", 204, {})

    result = leadsync("matches", "pick", "7", "--new", "--json")

    assert gateway.requests[1].sent["createNew"] is True
    assert json.loads(result.stdout) == {"recordId": "7", "picked": "a new lead"}


def test_an_incomplete_pick_is_refused(gateway: FakeGateway, leadsync: Run) -> None:
    """Nothing is sent without a choice, for a record that does not wait, or one that waits in two integrations."""
    gateway.on("GET", "/matches", 200, page(), page(match(), match(integration="i2")))

    neither, both = (leadsync("matches", "pick", "7", *given) for given in ([], ["--lead", "a", "--new"]))
    nothing, several = (leadsync("matches", "pick", "7", "--lead", "a") for _ in range(2))

    assert [(one.returncode, "no_choice" in one.stderr) for one in (neither, both)] == [(2, True)] * 2
    assert (nothing.returncode, "match_not_found" in nothing.stderr) == (5, True)
    assert (several.returncode, "--integration: i1, i2" in several.stderr) == (2, True)
    assert gateway.requests_for("/matches/pick") == []


def test_duplicates_are_listed(gateway: FakeGateway, leadsync: Run) -> None:
    """`duplicates` shows both leads of each pair."""
    pair = {"integrationId": "i1", "recordId": "7", "leadId": "a", "duplicateLeadId": "b"}
    gateway.on("GET", "/duplicates", 200, {"duplicates": [pair], "nextPageToken": None})

    result = leadsync("duplicates")

    assert result.stdout.splitlines()[1].split() == ["a", "b", "7"]
