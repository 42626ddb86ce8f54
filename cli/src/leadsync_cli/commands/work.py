"""`sync-status`, `work` and `redrive`: open and failed work."""

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
from leadsync_cli.commands.runs import COLUMNS as RUN_COLUMNS
from leadsync_cli.output import show, show_page, show_with_rows

app = typer.Typer(no_args_is_help=True, help="Due, leased and failed work on records and leads.")

COLUMNS = [
    ("ID", "id"),
    ("STATE", "state"),
    ("RECORD", "recordId"),
    ("LEAD", "leadId"),
    ("DUE", "dueAt"),
    ("ATTEMPTS", "attempts"),
    ("REASON", "reason"),
    ("CAUSE", "cause"),
    ("WHAT TO DO", "remedy"),
]

LOOP_COLUMNS = [
    ("LOOP", "name"),
    ("LAST SUCCESS", "lastSuccessAt"),
    ("LAST ERROR", "lastErrorAt"),
    ("FAILING SINCE", "failingSince"),
    ("REASON", "reason"),
    ("ERROR", "message"),
]


class WorkState(StrEnum):
    """State of work."""

    DUE = "due"
    LEASED = "leased"
    FAILED = "failed"


@app.command("list")
def list_work(
    *,
    state: Annotated[WorkState | None, typer.Option(help="Only work in this state.")] = None,
    integration: OneIntegrationOption = "",
    limit: PageSizeOption = 50,
    page_token: PageTokenOption = "",
    url: UrlOption = "",
    token: TokenOption = "",
    json: JsonOption = False,
) -> None:
    """List one page of due, leased and failed work."""
    with open_gateway(url, token) as gateway:
        page = gateway.get("/work", state=state, integrationId=integration, pageSize=limit, pageToken=page_token)
    show_page(page, "work", COLUMNS, "No open or failed work.", json=json)


def sync_status(
    *, integration: IntegrationOption = "", url: UrlOption = "", token: TokenOption = "", json: JsonOption = False
) -> None:
    """Show how much was synced in each direction, how much work is left, and how sweeps, renewals and the like fare."""
    with open_gateway(url, token) as gateway:
        found = gateway.get("/crm-integration/sync-status", integrationId=the_integration(gateway, integration))
    show_with_rows(found, {"loops": LOOP_COLUMNS, "runs": RUN_COLUMNS}, json=json)


def redrive(
    *,
    reason: Annotated[str, typer.Option(help="Only work that failed for this reason, e.g. ambiguous_match.")] = "",
    work_item: Annotated[list[str] | None, typer.Option(help="Only the work with this id; repeatable.")] = None,
    per_second: Annotated[int, typer.Option(min=0, help="Work that becomes due per second; 0 = all at once.")] = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count the work.")] = False,
    integration: IntegrationOption = "",
    url: UrlOption = "",
    token: TokenOption = "",
    json: JsonOption = False,
) -> None:
    """Make failed work of an integration due again: all, or only some of it."""
    with open_gateway(url, token) as gateway:
        body: dict[str, Any] = {"integrationId": the_integration(gateway, integration)}
        wanted = {"reason": reason, "workItemIds": work_item, "perSecond": per_second, "dryRun": dry_run}
        body |= {name: value for name, value in wanted.items() if value}
        show(gateway.post("/work/redrive", body), json=json)
