"""`leadsync matches` and `leadsync duplicates`: matches that only a person can decide."""

from typing import Annotated, Any

import typer

from leadsync_cli.commands.context import open_gateway
from leadsync_cli.commands.options import (
    JsonOption,
    OneIntegrationOption,
    PageSizeOption,
    PageTokenOption,
    TokenOption,
    UrlOption,
)
from leadsync_cli.errors import CommandError, Exit
from leadsync_cli.gateway.client import Gateway
from leadsync_cli.output import print_json, print_next_page, print_rows, show, show_page

app = typer.Typer(help="List records that match several leads or a lead that is linked elsewhere; pick their leads.")

COLUMNS = [
    ("RECORD", "recordId"),
    ("LEAD", "leadId"),
    ("IN COMMON", "keys"),
    ("LINKED ELSEWHERE", "taken"),
    ("SINCE", "since"),
]
PAIR_COLUMNS = [("LEAD", "leadId"), ("DUPLICATE", "duplicateLeadId"), ("RECORD", "recordId")]
LARGEST_PAGE = 200


@app.callback(invoke_without_command=True)
def list_matches(
    context: typer.Context,
    *,
    integration: OneIntegrationOption = "",
    limit: PageSizeOption = 50,
    page_token: PageTokenOption = "",
    url: UrlOption = "",
    token: TokenOption = "",
    json: JsonOption = False,
) -> None:
    """List records that match several leads, or a lead that is linked elsewhere.

    Each line is a lead that the record may belong to; `pick` decides.
    """
    if context.invoked_subcommand is not None:
        return
    with open_gateway(url, token) as gateway:
        page = gateway.get("/matches", integrationId=integration, pageSize=limit, pageToken=page_token)
    if json:
        print_json(page)
        return
    print_rows(_lines(page["matches"]), COLUMNS, "No record waits for a choice.")
    print_next_page(page)


@app.command("pick")
def pick(
    record_id: Annotated[str, typer.Argument(metavar="RECORD", help="Id of the record.")],
    *,
    lead: Annotated[str, typer.Option("--lead", "-l", help="The record belongs to this lead.")] = "",
    new: Annotated[bool, typer.Option("--new", help="The record belongs to a new lead.")] = False,
    integration: OneIntegrationOption = "",
    url: UrlOption = "",
    token: TokenOption = "",
    json: JsonOption = False,
) -> None:
    """Say which lead a record belongs to. If the lead is linked elsewhere, its link moves to this record.

    Shows the candidates; refused as stale_etag if they change meanwhile. Then the record is read and linked.
    """
    if bool(lead) == new:
        raise CommandError("no_choice", "Give either --lead or --new.", Exit.USAGE)
    with open_gateway(url, token) as gateway:
        match = _the_match(gateway, record_id, integration)
        if not json:
            print_rows(_lines([match]), COLUMNS, "No candidate is left.")
        body = {"integrationId": match["integrationId"], "recordId": record_id, "etag": match["etag"]}
        choice: dict[str, Any] = {"createNew": True} if new else {"leadId": lead}
        gateway.post("/matches/pick", body | choice)
    show({"recordId": record_id, "picked": lead or "a new lead"}, json=json)


def duplicates(
    *,
    integration: OneIntegrationOption = "",
    limit: PageSizeOption = 50,
    page_token: PageTokenOption = "",
    url: UrlOption = "",
    token: TokenOption = "",
    json: JsonOption = False,
) -> None:
    """List leads that seem to be the same person, since their records were merged in the CRM.

    LEAD has the surviving record; DUPLICATE has none.
    """
    with open_gateway(url, token) as gateway:
        page = gateway.get("/duplicates", integrationId=integration, pageSize=limit, pageToken=page_token)
    show_page(page, "duplicates", PAIR_COLUMNS, "No duplicates.", json=json)


def _lines(matches: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a line per candidate; a record without candidates has one too."""
    return [match | candidate for match in matches for candidate in match["candidates"] or [{}]]


def _the_match(gateway: Gateway, record_id: str, integration: str) -> dict[str, Any]:
    """Return a record's match. Raises CommandError if there is none, or one in several integrations."""
    found: list[dict[str, Any]] = []
    page: dict[str, Any] = {"nextPageToken": ""}
    while page["nextPageToken"] is not None:
        query = {"integrationId": integration, "pageToken": page["nextPageToken"]}
        page = gateway.get("/matches", pageSize=LARGEST_PAGE, **query)
        found += [match for match in page["matches"] if match["recordId"] == record_id]
    if not found:
        hint = "`leadsync matches` shows the records that wait."
        raise CommandError("match_not_found", f"Record {record_id} does not wait for a choice.", Exit.NOT_FOUND, hint)
    if len(found) > 1:
        ids = ", ".join(str(one["integrationId"]) for one in found)
        raise CommandError("integration_required", f"Choose one with --integration: {ids}", Exit.USAGE)
    return found[0]
