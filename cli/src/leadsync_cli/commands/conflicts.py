"""`leadsync conflicts …`: fields that both sides changed, and deciding on them."""

from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.console import Console

from leadsync_cli.commands.context import open_gateway, the_integration
from leadsync_cli.commands.options import (
    IntegrationOption,
    JsonOption,
    OneIntegrationOption,
    PageSizeOption,
    PageTokenOption,
    TokenOption,
    UrlOption,
    YesOption,
)
from leadsync_cli.errors import CommandError, Exit
from leadsync_cli.gateway.client import Gateway, segment
from leadsync_cli.output import print_facts, print_json, quoted, show, show_page

app = typer.Typer(no_args_is_help=True, help="Fields that both sides changed: list them, decide, take it back.")

LeadArgument = Annotated[str, typer.Argument(metavar="LEAD", help="Id of the lead.")]
FieldArgument = Annotated[str, typer.Argument(help="The field, e.g. phone.")]
COLUMNS = [
    ("LEAD", "leadId"),
    ("FIELD", "field"),
    ("PLATFORM", "ours"),
    ("CRM", "theirs"),
    ("AGREED BEFORE", "base"),
    ("SUGGESTED", "suggested"),
    ("RECORD", "recordId"),
    ("OVERWRITTEN", "overwritten"),
]


class Side(StrEnum):
    """Whose value is taken."""

    PLATFORM = "platform"
    CRM = "crm"


SideArgument = Annotated[Side, typer.Argument(help="Whose value is taken.", show_default=False)]


@app.command("list")
def list_conflicts(
    *,
    lead: Annotated[str, typer.Option(help="Only this lead.")] = "",
    field: Annotated[str, typer.Option(help="Only this field.")] = "",
    integration: OneIntegrationOption = "",
    limit: PageSizeOption = 50,
    page_token: PageTokenOption = "",
    url: UrlOption = "",
    token: TokenOption = "",
    json: JsonOption = False,
) -> None:
    """List fields that wait for a decision, one page of --limit leads.

    OVERWRITTEN: both sides hold the platform's value now, and the CRM's was replaced unseen by a write of ours.
    """
    query = {"leadId": lead, "field": field, "integrationId": integration, "pageToken": page_token}
    with open_gateway(url, token) as gateway:
        page = gateway.get("/conflicts", pageSize=limit, **query)
    show_page(page, "conflicts", COLUMNS, "No conflicts.", json=json)


@app.command("take")
def take(
    lead_id: LeadArgument,
    field: FieldArgument,
    side: SideArgument,
    *,
    integration: OneIntegrationOption = "",
    url: UrlOption = "",
    token: TokenOption = "",
    json: JsonOption = False,
) -> None:
    """Take one side's value of a field. Shows what it decides on; refused as stale_etag if that changes meanwhile."""
    with open_gateway(url, token) as gateway:
        _resolve(gateway, lead_id, field, integration, {"take": side.value}, json=json)


@app.command("set")
def set_value(
    lead_id: LeadArgument,
    field: FieldArgument,
    value: Annotated[str, typer.Argument(help="The value for both sides; an empty one clears the field.")],
    *,
    integration: OneIntegrationOption = "",
    url: UrlOption = "",
    token: TokenOption = "",
    json: JsonOption = False,
) -> None:
    """Give a field another value than either side has. Otherwise like `take`."""
    with open_gateway(url, token) as gateway:
        _resolve(gateway, lead_id, field, integration, {"value": value}, json=json)


@app.command("take-all")
def take_all(
    field: FieldArgument,
    side: SideArgument,
    *,
    integration: IntegrationOption = "",
    yes: YesOption = False,
    url: UrlOption = "",
    token: TokenOption = "",
    json: JsonOption = False,
) -> None:
    """Take one side's value in every conflict of a field. Each can be undone, one by one."""
    if not yes:
        typer.confirm(f"Take the value of {side.value} in all conflicts of {field}?", abort=True, err=True)
    resolved, more = 0, True
    with open_gateway(url, token) as gateway, Console(stderr=True, quiet=json).status("resolving") as progress:
        body = {"integrationId": the_integration(gateway, integration), "field": field, "take": side.value}
        while more:
            answer = gateway.post("/conflicts/resolve-all", body)
            resolved, more = resolved + answer["resolved"], bool(answer["more"] and answer["resolved"])
            progress.update(f"{resolved} resolved")
    show({"resolved": resolved, "more": bool(answer["more"])}, json=json)


@app.command("undo")
def undo(
    decision_id: Annotated[str, typer.Argument(metavar="DECISION", help="Id of the decision.")],
    *,
    url: UrlOption = "",
    token: TokenOption = "",
    json: JsonOption = False,
) -> None:
    """Set what a decision changed on a lead back to what it was, as an ordinary edit. Possible for 90 days."""
    with open_gateway(url, token) as gateway:
        show(gateway.post(f"/decisions/{segment(decision_id)}/undo"), json=json)


def _resolve(
    gateway: Gateway, lead_id: str, field: str, integration: str, choice: dict[str, str], *, json: bool
) -> None:
    """Show the conflict, decide on exactly what was shown, and say how to take it back."""
    conflict = _the_conflict(gateway, lead_id, field, integration)
    if not json:
        print_facts(_described(conflict))
    body = {"leadId": lead_id, "integrationId": conflict["integrationId"], "field": field, "etag": conflict["etag"]}
    answer = gateway.post("/conflicts/resolve", body | choice)
    if json:
        print_json(answer | {"conflict": conflict})
        return
    taken = choice["value"] if "value" in choice else conflict["ours" if choice["take"] == Side.PLATFORM else "theirs"]
    print_facts({"taken": quoted(taken), "take it back": f"leadsync conflicts undo {answer['decisionId']}"})


def _the_conflict(gateway: Gateway, lead_id: str, field: str, integration: str) -> dict[str, Any]:
    """Return the conflict of a lead's field. Raises CommandError if there is none, or a choice of integrations."""
    page = gateway.get("/conflicts", leadId=lead_id, field=field, integrationId=integration)
    found: list[dict[str, Any]] = page["conflicts"]
    if not found:
        detail = f"{field} of lead {lead_id} is in no conflict."
        raise CommandError("conflict_not_found", detail, Exit.NOT_FOUND, "`leadsync conflicts list` shows what is.")
    if len(found) > 1:
        ids = ", ".join(str(one["integrationId"]) for one in found)
        raise CommandError("integration_required", f"Choose one with --integration: {ids}", Exit.USAGE)
    return found[0]


def _described(conflict: dict[str, Any]) -> dict[str, str]:
    """Return what a person needs to know to decide."""
    since = {name: f"  ({', '.join(_who(conflict, name))})" for name in ("ours", "theirs") if _who(conflict, name)}
    facts = {
        "platform": f"{quoted(conflict['ours'])}{since.get('ours', '')}",
        "crm": f"{quoted(conflict['theirs'])}{since.get('theirs', '')}",
        "agreed before": quoted(conflict.get("base")),
    }
    return facts | ({"suggested": str(conflict["suggested"])} if conflict.get("suggested") else {})


def _who(conflict: dict[str, Any], side: str) -> list[str]:
    return [str(conflict[f"{side}{what}"]) for what in ("Source", "ChangedAt") if conflict.get(f"{side}{what}")]
