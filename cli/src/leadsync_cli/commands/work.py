"""`sync`, `sync-status`, `work` and `redrive`: what is to be done, and how far it is."""

from enum import StrEnum
from typing import Annotated

import typer

from leadsync_cli.commands.context import open_gateway, the_integration
from leadsync_cli.commands.options import (
    IntegrationOption,
    JsonOption,
    PageSizeOption,
    PageTokenOption,
    TokenOption,
    UrlOption,
)
from leadsync_cli.output import print_facts, print_json, print_rows

app = typer.Typer(no_args_is_help=True, help="The work on records and leads.")

COLUMNS = [
    ("ID", "id"),
    ("STATE", "state"),
    ("RECORD", "recordId"),
    ("LEAD", "leadId"),
    ("DUE", "dueAt"),
    ("ATTEMPTS", "attempts"),
    ("REASON", "reason"),
]


class WorkState(StrEnum):
    """Where work stands."""

    DUE = "due"
    LEASED = "leased"
    FAILED = "failed"


@app.command("list")
def list_work(
    *,
    state: Annotated[WorkState | None, typer.Option(help="Only work in this state.")] = None,
    integration: IntegrationOption = "",
    limit: PageSizeOption = 50,
    page_token: PageTokenOption = "",
    url: UrlOption = "",
    token: TokenOption = "",
    json: JsonOption = False,
) -> None:
    """List what is due, leased or failed, one page."""
    query = {"state": state and state.value, "integrationId": integration or None, "pageToken": page_token or None}
    with open_gateway(url, token) as gateway:
        page = gateway.get("/work", pageSize=limit, **query)
    if json:
        print_json(page)
        return
    print_rows(page["work"], COLUMNS, "Nothing to do.")
    if page.get("nextPageToken"):
        print_facts({"next page": f"--page-token {page['nextPageToken']}"})


def sync(
    *,
    lead: Annotated[list[str], typer.Option("--lead", "-l", help="Lead to push to the CRM; repeatable.")],
    integration: IntegrationOption = "",
    url: UrlOption = "",
    token: TokenOption = "",
    json: JsonOption = False,
) -> None:
    """Push leads to the CRM now; one whose record was detached gets a new record."""
    with open_gateway(url, token) as gateway:
        body = {"integrationId": the_integration(gateway, integration), "leadIds": lead}
        queued = gateway.post("/crm-integration/sync-leads", body)
    (print_json if json else print_facts)(queued)


def sync_status(
    *, integration: IntegrationOption = "", url: UrlOption = "", token: TokenOption = "", json: JsonOption = False
) -> None:
    """Show what has been synced either way, and what is still to do."""
    with open_gateway(url, token) as gateway:
        found = gateway.get("/crm-integration/sync-status", integrationId=the_integration(gateway, integration))
    (print_json if json else print_facts)(found)


def redrive(
    *, integration: IntegrationOption = "", url: UrlOption = "", token: TokenOption = "", json: JsonOption = False
) -> None:
    """Make all failed work of an integration due again."""
    with open_gateway(url, token) as gateway:
        queued = gateway.post("/work/redrive", {"integrationId": the_integration(gateway, integration)})
    (print_json if json else print_facts)(queued)
