"""`leadsync webhooks …`: the webhooks of a connected account."""

import json as jsonlib
from pathlib import Path
from typing import Annotated, Any

import typer

from leadsync_cli.commands.context import open_gateway, the_integration
from leadsync_cli.commands.options import IntegrationArgument, JsonOption, TokenOption, UrlOption
from leadsync_cli.errors import CommandError
from leadsync_cli.gateway.client import segment
from leadsync_cli.hubspot import project
from leadsync_cli.output import show, show_with_rows

app = typer.Typer(no_args_is_help=True, help="Enable, disable and look at the webhooks of an account.")

SUBSCRIPTIONS = [("SUBSCRIPTION", "id"), ("EVENT", "event"), ("PROPERTY", "property"), ("ACTIVE", "active")]


@app.command("enable")
def enable(
    integration_id: IntegrationArgument = "", *, url: UrlOption = "", token: TokenOption = "", json: JsonOption = False
) -> None:
    """Make webhooks count, and subscribe the app where the CRM lets us."""
    with open_gateway(url, token) as gateway:
        chosen = the_integration(gateway, integration_id)
        _show(gateway.post(f"/crm-integration/{segment(chosen)}/enable-webhooks"), json=json)


@app.command("disable")
def disable(
    integration_id: IntegrationArgument = "", *, url: UrlOption = "", token: TokenOption = "", json: JsonOption = False
) -> None:
    """Make webhooks ignored; what arrives is kept."""
    with open_gateway(url, token) as gateway:
        chosen = the_integration(gateway, integration_id)
        _show(gateway.post(f"/crm-integration/{segment(chosen)}/disable-webhooks"), json=json)


@app.command("status")
def status(
    integration_id: IntegrationArgument = "", *, url: UrlOption = "", token: TokenOption = "", json: JsonOption = False
) -> None:
    """Show whether webhooks are on, which, and what has arrived."""
    with open_gateway(url, token) as gateway:
        chosen = the_integration(gateway, integration_id)
        _show(gateway.get(f"/crm-integration/{segment(chosen)}/webhook-status"), json=json)


@app.command("hubspot-project")
def hubspot_project(
    integration_id: IntegrationArgument = "",
    *,
    out: Annotated[Path, typer.Option(help="Folder of the HubSpot project.", file_okay=False)] = Path(),
    url: UrlOption = "",
    token: TokenOption = "",
    json: JsonOption = False,
) -> None:
    """Write the file that declares the webhooks of an app on HubSpot's developer platform; replaces the one before.

    Run it again when the field mapping changes, and deploy it with `hs project upload`.
    """
    with open_gateway(url, token) as gateway:
        chosen = f"/crm-integration/{segment(the_integration(gateway, integration_id))}"
        state, mapping = gateway.get(f"{chosen}/webhook-status"), gateway.get(chosen)["fieldMapping"]
    content = project.webhooks_file(state["url"], state["events"], mapping.values())
    path = out / project.PATH
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(jsonlib.dumps(content, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise CommandError(
            "cannot_write", f"{path}: {error.strerror}", hint="Give another folder with --out."
        ) from None
    told = {"file": str(path), "url": state["url"], "next": "hs project upload"}
    if not state["url"].startswith("https://"):
        told["but"] = "HubSpot only calls https addresses: set API_URL to a public one, then run this again"
    show(told, json=json)


def _show(state: dict[str, Any], *, json: bool) -> None:
    show_with_rows(state, "subscriptions", SUBSCRIPTIONS, json=json)
