"""Imports and pushes on the command line: started, followed, cancelled."""

import json
import signal
import subprocess
from collections.abc import Callable

import pytest
from leadsync_cli.following import described
from leadsync_cli.plans import in_words
from leadsync_cli.waiting import wait_for
from unit.cli.fake_gateway import FakeGateway, Json

Run = Callable[..., subprocess.CompletedProcess[str]]
Start = Callable[..., subprocess.Popen[str]]

IMPORT, PUSH, RUN = "/crm-integration/import", "/crm-integration/sync-leads", "/crm-integration/runs/r1"


def run_of(state: str, done: int = 0, total: int | None = 200, **more: object) -> Json:
    """One run as the gateway shows it."""
    facts = {"id": "r1", "integrationId": "only", "kind": "import", "state": state, "total": total, "done": done}
    nothing = {"outcomes": {}, "calls": 0, "ratePerSecond": None, "forecastAt": None, "endedAt": None, "reason": None}
    return facts | nothing | more


def test_an_import_is_followed_to_its_end(gateway: FakeGateway, leadsync: Run) -> None:
    """An import of the only integration is started and polled until it has ended; then it is shown."""
    gateway.with_one_integration()
    gateway.on("POST", IMPORT, 202, {"runId": "r1"})
    end = run_of("succeeded", 200, outcomes={"created": 190, "failed": 10})
    gateway.on("GET", RUN, 200, run_of("running", 40, ratePerSecond=80.0), end)

    result = leadsync("import")

    assert result.returncode == 0, result.stderr
    assert gateway.requests_for(IMPORT)[0].sent == {"integrationId": "only"}
    assert len(gateway.requests_for(RUN)) == 2
    assert "succeeded" in result.stdout
    assert "leadsync work list --state failed" in result.stdout
    assert "created 190" in result.stderr


@pytest.mark.parametrize(("state", "exit_code"), [("succeeded", 0), ("failed", 1), ("cancelled", 1)])
def test_the_exit_code_shows_whether_a_run_succeeded(
    gateway: FakeGateway, leadsync: Run, state: str, exit_code: int
) -> None:
    """With --json there is no bar, only the run as it ended; one that did not succeed exits with 1."""
    gateway.on("GET", RUN, 200, run_of(state))

    result = leadsync("runs", "follow", "r1", "--json")

    assert result.returncode == exit_code
    assert json.loads(result.stdout)["state"] == state
    assert result.stderr == ""


def test_ctrl_c_leaves_the_run_alone(gateway: FakeGateway, start: Start) -> None:
    """Ctrl-C only ends the display: nothing is cancelled, and the command says how to follow or cancel."""
    gateway.on("GET", RUN, 200, run_of("running", 1))
    with start("runs", "follow", "r1") as process:
        assert wait_for(lambda: gateway.requests_for(RUN), 20)[0]
        process.send_signal(signal.SIGINT)
        _, complaint = process.communicate(timeout=30)

    assert process.returncode == 130
    assert "interrupted: Run r1 continues." in complaint
    assert "`leadsync runs follow r1`" in complaint
    assert "`leadsync runs cancel r1`" in complaint
    assert {one.method for one in gateway.requests} == {"GET"}


def test_a_dry_run_ends_with_a_sentence(gateway: FakeGateway, leadsync: Run) -> None:
    """After a dry run the command says what would be done, why not, and how many calls it takes."""
    counts = {"outcomes": {"created": 12, "linked": 3, "skipped": 2, "failed": 1}, "reasons": {"no_name": 2}}
    effects = {"leads_created": 12, "leads_updated": 1, "conflicts": 2}
    end = run_of("succeeded", 18, dryRun=True, effects=effects, callsNeeded=4) | counts
    gateway.on("POST", IMPORT, 202, {"runId": "r1"})
    gateway.on("POST", PUSH, 202, {"runId": "r1", "queued": None})
    gateway.on("GET", RUN, 200, end)

    result = leadsync("import", "-i", "i1", "--dry-run")
    leadsync("sync", "-i", "i1", "--all", "--dry-run")

    assert [one.sent for one in gateway.requests if one.method == "POST"] == [
        {"integrationId": "i1", "dryRun": True}
    ] * 2
    assert (
        "would create 12 leads, link 3, update 1 lead, leave 2 fields to a person, skip 2, fail on 1 (no_name 2), "
        "and take 4 calls to the CRM"
    ) in result.stdout
    assert "leadsync runs plan r1" in result.stdout
    assert "leadsync work list" not in result.stdout
    assert in_words({"callsNeeded": 1}) == "would do nothing, and take 1 call to the CRM"


def test_a_plan_is_a_table(gateway: FakeGateway, leadsync: Run) -> None:
    """The result of a dry run is listed by record, with the fields that would change on each side."""
    record = {"recordId": "7", "leadId": None, "outcome": "updated", "reason": None}
    fields = {"leadFields": ["phone", "email"], "crmFields": [], "conflictFields": ["company"]}
    page = {"records": [record | fields], "nextPageToken": None}
    gateway.on("GET", f"{RUN}/plan", 200, page)

    shown = leadsync("runs", "plan", "r1", "--outcome", "updated")
    printed = leadsync("runs", "plan", "r1", "--json")

    assert gateway.requests[0].sent == {"outcome": "updated", "pageSize": "50"}
    assert shown.stdout.splitlines()[1].split() == ["7", "updated", "phone,", "email", "company"]
    assert json.loads(printed.stdout) == page
    gateway.on("GET", f"{RUN}/plan", 400, {"reason": "not_a_dry_run", "detail": "no plan"})
    refused = leadsync("runs", "plan", "r1")
    assert (refused.returncode, "--dry-run" in refused.stderr) == (6, True)


def test_a_push_names_its_leads_or_all(gateway: FakeGateway, leadsync: Run) -> None:
    """`sync` pushes the given leads, or all with --all; with neither it asks for a choice."""
    gateway.on("POST", PUSH, 202, {"runId": "r1", "queued": 2})
    some = leadsync("sync", "-i", "i1", "--lead", "a", "--lead", "b", "--no-wait", "--json")
    everything = leadsync("sync", "-i", "i1", "--all", "--no-wait")
    neither = leadsync("sync", "-i", "i1")

    assert json.loads(some.stdout) == {"runId": "r1", "queued": 2}
    assert [one.sent for one in gateway.requests] == [
        {"integrationId": "i1", "leadIds": ["a", "b"]},
        {"integrationId": "i1"},
    ]
    assert everything.returncode == 0
    assert (neither.returncode, "--all" in neither.stderr) == (2, True)


def test_runs_are_listed_and_cancelled(gateway: FakeGateway, leadsync: Run) -> None:
    """Runs are listed with their progress; a cancelled one is shown as it is now."""
    gateway.on("GET", "/crm-integration/runs", 200, {"runs": [run_of("running", 7)], "nextPageToken": "next"})
    gateway.on("POST", f"{RUN}/cancel", 200, run_of("cancelled", 7))

    listed = leadsync("runs", "list", "--kind", "import")
    cancelled = leadsync("runs", "cancel", "r1", "--json")

    assert gateway.requests[0].sent == {"kind": "import", "pageSize": "50"}
    assert "r1" in listed.stdout
    assert "--page-token next" in listed.stdout
    assert json.loads(cancelled.stdout)["state"] == "cancelled"


def test_the_progress_bar_shows_rate_forecast_and_outcomes() -> None:
    """It shows progress, rate, forecast and outcomes; a run of unknown size has no total."""
    shown = described(run_of("running", 40, ratePerSecond=80.4, forecastAt="2026-01-01T10:00:00Z", outcomes={"a": 3}))

    assert (shown["completed"], shown["total"], shown["count"]) == (40, 200, "40 of 200")
    assert shown["pace"].startswith("80/s, done at ")
    assert shown["outcomes"] == "a 3"
    assert described(run_of("running", 40, total=None))["total"] is None


def test_a_second_run_of_a_kind_is_a_conflict(gateway: FakeGateway, leadsync: Run) -> None:
    """A second run beside the first is refused, with the hint to look at the first."""
    gateway.on("POST", IMPORT, 400, {"reason": "run_in_progress", "detail": "run r1 is at work"})

    result = leadsync("import", "-i", "i1")

    assert result.returncode == 6
    assert "leadsync runs list" in result.stderr


def test_the_status_shows_standing_loops(gateway: FakeGateway, leadsync: Run) -> None:
    """What goes on by itself is a table below the counters, apart from them; programs get it as JSON."""
    gateway.with_one_integration()
    loop = {"name": "sweep", "lastSuccessAt": None, "lastErrorAt": "2026-11-29T10:00:00.123Z", "reason": "crm_refused"}
    status = {"pending": 3, "runs": [], "loops": [loop | {"failingSince": None, "message": "A sentence."}]}
    gateway.on("GET", "/crm-integration/sync-status", 200, status)

    counter, between, heading, row = leadsync("sync-status").stdout.splitlines()

    assert (heading.split()[0], between) == ("LOOP", "")
    assert row.split() == ["sweep", "2026-11-29T10:00:00Z", "crm_refused", "A", "sentence."]
    assert counter.split() == ["pending", "3"]
    assert json.loads(leadsync("sync-status", "--json").stdout) == status
