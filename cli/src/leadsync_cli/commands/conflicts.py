"""`leadsync conflicts …`: list and resolve fields that both sides changed."""

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

app = typer.Typer(no_args_is_help=True, help="Fields that both sides changed: list, resolve, undo.")

LeadArgument = Annotated[str, typer.Argument(metavar="LEAD", help="Id of the lead.")]
FieldArgument = Annotated[str, typer.Argument(help="The field, e.g. phone.")]
COLUMNS = [
    ("LEAD", "leadId"),
    ("FIELD", "field"),
    ("PLATFORM", "ours"),
    ("CRM", "theirs"),
    ("BASE", "base"),
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
    """List fields that wait for a person, one page of --limit leads.

    BASE is the value that both sides had before. OVERWRITTEN: our write replaced the CRM's value before anybody saw
    it, so both sides now have the platform's value.
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
    """Resolve a conflict with one side's value. Shows both values; refused as stale_etag if they change meanwhile."""
    with open_gateway(url, token) as gateway:
        _resolve(gateway, lead_id, field, integration, {"take": side.value}, json=json)


@app.command("set")
def set_value(
    lead_id: LeadArgument,
    field: FieldArgument,
    value: Annotated[str, typer.Argument(help="The value for both sides; an empty value clears the field.")],
    *,
    integration: OneIntegrationOption = "",
    url: UrlOption = "",
    token: TokenOption = "",
    json: JsonOption = False,
) -> None:
    """Resolve a conflict with a new value. Otherwise like `take`."""
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
    """Resolve all conflicts of a field with one side's value. Each can be undone separately."""
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
    """Set the values that a decision changed on a lead back, as an ordinary edit. Possible for 90 days."""
    with open_gateway(url, token) as gateway:
        show(gateway.post(f"/decisions/{segment(decision_id)}/undo"), json=json)


def _resolve(
    gateway: Gateway, lead_id: str, field: str, integration: str, choice: dict[str, str], *, json: bool
) -> None:
    """Show the conflict, resolve exactly what was shown, and say how to undo it."""
    conflict = _the_conflict(gateway, lead_id, field, integration)
    if not json:
        print_facts(_described(conflict))
    body = {"leadId": lead_id, "integrationId": conflict["integrationId"], "field": field, "etag": conflict["etag"]}
    answer = gateway.post("/conflicts/resolve", body | choice)
    if json:
        print_json(answer | {"conflict": conflict})
        return
    value = choice["value"] if "value" in choice else conflict["ours" if choice["take"] == Side.PLATFORM else "theirs"]
    print_facts({"resolved with": quoted(value), "undo": f"leadsync conflicts undo {answer['decisionId']}"})


def _the_conflict(gateway: Gateway, lead_id: str, field: str, integration: str) -> dict[str, Any]:
    """Return the conflict of a lead's field. Raises CommandError if there is none, or one in several integrations."""
    page = gateway.get("/conflicts", leadId=lead_id, field=field, integrationId=integration)
    found: list[dict[str, Any]] = page["conflicts"]
    if not found:
        detail = f"Field {field} of lead {lead_id} has no conflict."
        raise CommandError(
            "conflict_not_found", detail, Exit.NOT_FOUND, "`leadsync conflicts list` shows all conflicts."
        )
    if len(found) > 1:
        ids = ", ".join(str(one["integrationId"]) for one in found)
        raise CommandError("integration_required", f"Choose one with --integration: {ids}", Exit.USAGE)
    return found[0]


def _described(conflict: dict[str, Any]) -> dict[str, str]:
    """Return the facts that a person needs to decide."""
    since = {name: f"  ({', '.join(_who(conflict, name))})" for name in ("ours", "theirs") if _who(conflict, name)}
    facts = {
        "platform": f"{quoted(conflict['ours'])}{since.get('ours', '')}",
        "crm": f"{quoted(conflict['theirs'])}{since.get('theirs', '')}",
        "base": quoted(conflict.get("base")),
    }
    return facts | ({"suggested": str(conflict["suggested"])} if conflict.get("suggested") else {})


def _who(conflict: dict[str, Any], side: str) -> list[str]:
    return [str(conflict[f"{side}{what}"]) for what in ("Source", "ChangedAt") if conflict.get(f"{side}{what}")]
