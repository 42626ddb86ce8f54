"""`import`, `sync` and `runs …`: start, plan and follow work on many records."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from leadsync_cli.commands.context import open_gateway, the_integration
from leadsync_cli.commands.options import (
    IntegrationOption,
    JsonOption,
    OneIntegrationOption,
    PageSizeOption,
    PageTokenOption,
    TokenOption,
    UrlOption,
)
from leadsync_cli.errors import CommandError, Exit
from leadsync_cli.following import RUNS, follow
from leadsync_cli.gateway.client import Gateway, segment
from leadsync_cli.output import show, show_page
from leadsync_cli.plans import in_words

app = typer.Typer(no_args_is_help=True, help="Imports, pushes and applied settings: list, get, follow, plan, cancel.")

RunId = Annotated[str, typer.Argument(help="Id of the run.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Change nothing; only show what would happen.")]
NoWaitOption = Annotated[bool, typer.Option("--no-wait", help="Start the run and return; it continues by itself.")]
COLUMNS = [
    ("ID", "id"),
    ("KIND", "kind"),
    ("STATE", "state"),
    ("DONE", "done"),
    ("TOTAL", "total"),
    ("STARTED", "createdAt"),
    ("ENDED", "endedAt"),
    ("REASON", "reason"),
    ("DRY RUN", "dryRun"),
]
PLAN_COLUMNS = [
    ("RECORD", "recordId"),
    ("LEAD", "leadId"),
    ("OUTCOME", "outcome"),
    ("REASON", "reason"),
    ("TO THE LEAD", "leadFields"),
    ("TO THE CRM", "crmFields"),
    ("CONFLICTS", "conflictFields"),
]


class RunKind(StrEnum):
    """What a run does."""

    IMPORT = "import"
    PUSH = "push"
    APPLY = "apply"


def import_records(
    *,
    dry_run: DryRunOption = False,
    no_wait: NoWaitOption = False,
    integration: IntegrationOption = "",
    url: UrlOption = "",
    token: TokenOption = "",
    json: JsonOption = False,
) -> None:
    """Import all records of the CRM, and show the progress. Ctrl-C stops the display, not the import.

    You may repeat it. Exit code 1 if the run fails or is cancelled.
    """
    with open_gateway(url, token) as gateway:
        body = {"integrationId": the_integration(gateway, integration)} | ({"dryRun": True} if dry_run else {})
        _started(gateway, gateway.post("/crm-integration/import", body), wait=not no_wait, json=json)


def sync(
    *,
    lead: Annotated[list[str] | None, typer.Option("--lead", "-l", help="Lead to push; repeatable.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Push all leads.")] = False,
    dry_run: DryRunOption = False,
    no_wait: NoWaitOption = False,
    integration: IntegrationOption = "",
    url: UrlOption = "",
    token: TokenOption = "",
    json: JsonOption = False,
) -> None:
    """Push leads to the CRM now, and show the progress. Ctrl-C stops the display, not the push.

    A lead whose record was detached gets a new record. Exit code 1 if the run fails or is cancelled.
    """
    if bool(lead) == everything:
        raise CommandError("no_leads", "Give --lead (one or several) or --all.", Exit.USAGE)
    with open_gateway(url, token) as gateway:
        body: dict[str, Any] = {"integrationId": the_integration(gateway, integration)}
        body |= ({"leadIds": lead} if lead else {}) | ({"dryRun": True} if dry_run else {})
        queued = gateway.post("/crm-integration/sync-leads", body)
        _started(gateway, queued, wait=not no_wait, json=json)


@app.command("list")
def list_runs(
    *,
    kind: Annotated[RunKind | None, typer.Option(help="Only this kind.")] = None,
    integration: OneIntegrationOption = "",
    limit: PageSizeOption = 50,
    page_token: PageTokenOption = "",
    url: UrlOption = "",
    token: TokenOption = "",
    json: JsonOption = False,
) -> None:
    """List one page of runs, newest first."""
    with open_gateway(url, token) as gateway:
        page = gateway.get(RUNS, kind=kind, integrationId=integration, pageSize=limit, pageToken=page_token)
    show_page(page, "runs", COLUMNS, "No runs yet.", json=json)


@app.command("get")
def get_run(run_id: RunId, *, url: UrlOption = "", token: TokenOption = "", json: JsonOption = False) -> None:
    """Show one run."""
    with open_gateway(url, token) as gateway:
        show(gateway.get(f"{RUNS}/{segment(run_id)}"), json=json)


@app.command("follow")
def follow_run(run_id: RunId, *, url: UrlOption = "", token: TokenOption = "", json: JsonOption = False) -> None:
    """Show a run's progress until it ends. Ctrl-C stops the display, not the run. Exit code 1 unless it succeeds."""
    with open_gateway(url, token) as gateway:
        _follow(gateway, run_id, json=json)


@app.command("plan")
def show_plan(
    run_id: RunId,
    *,
    outcome: Annotated[str, typer.Option(help="Only this outcome, e.g. created, skipped or failed.")] = "",
    limit: PageSizeOption = 50,
    page_token: PageTokenOption = "",
    url: UrlOption = "",
    token: TokenOption = "",
    json: JsonOption = False,
) -> None:
    """List one page of a dry run's result: each record or lead that would change. Kept for seven days."""
    with open_gateway(url, token) as gateway:
        path = f"{RUNS}/{segment(run_id)}/plan"
        page = gateway.get(path, outcome=outcome, pageSize=limit, pageToken=page_token)
    show_page(page, "records", PLAN_COLUMNS, "Nothing would change.", json=json)


@app.command("cancel")
def cancel_run(run_id: RunId, *, url: UrlOption = "", token: TokenOption = "", json: JsonOption = False) -> None:
    """Cancel a run. Records in progress are finished. Cancelling twice, or after its end, changes nothing."""
    with open_gateway(url, token) as gateway:
        show(gateway.post(f"{RUNS}/{segment(run_id)}/cancel"), json=json)


def _started(gateway: Gateway, answer: dict[str, Any], *, wait: bool, json: bool) -> None:
    """Follow the run that the answer names, or only show the answer."""
    if not wait:
        show(answer, json=json)
        return
    _follow(gateway, str(answer["runId"]), json=json)


def _follow(gateway: Gateway, run_id: str, *, json: bool) -> None:
    """Follow a run and show its result; exit with 1 unless it succeeded."""
    run = follow(gateway, run_id, quiet=json)
    show(run, json=json)
    if not json and run.get("dryRun"):
        show({"plan": in_words(run), "record by record": f"leadsync runs plan {run_id}"}, json=False)
    elif not json and (run.get("outcomes") or {}).get("failed"):
        show({"failed work": "leadsync work list --state failed"}, json=False)
    if run["state"] != "succeeded":
        raise typer.Exit(Exit.FAILED)
