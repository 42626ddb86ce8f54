"""`leadsync webhooks …`: the webhooks of a connected account."""

from typing import Annotated, Any

import typer

from leadsync_cli.commands.context import open_gateway, the_integration
from leadsync_cli.commands.options import JsonOption, TokenOption, UrlOption
from leadsync_cli.gateway.client import segment
from leadsync_cli.output import print_facts, print_json, print_rows

app = typer.Typer(no_args_is_help=True, help="Enable, disable and look at the webhooks of an account.")

IntegrationId = Annotated[str, typer.Argument(help="Integration id; may be left out when there is only one.")]
SUBSCRIPTIONS = [("SUBSCRIPTION", "id"), ("EVENT", "event"), ("PROPERTY", "property"), ("ACTIVE", "active")]


@app.command("enable")
def enable(
    integration_id: IntegrationId = "", *, url: UrlOption = "", token: TokenOption = "", json: JsonOption = False
) -> None:
    """Make webhooks count, and subscribe the app where the CRM lets us."""
    with open_gateway(url, token) as gateway:
        chosen = the_integration(gateway, integration_id)
        _show(gateway.post(f"/crm-integration/{segment(chosen)}/enable-webhooks"), json=json)


@app.command("disable")
def disable(
    integration_id: IntegrationId = "", *, url: UrlOption = "", token: TokenOption = "", json: JsonOption = False
) -> None:
    """Make webhooks ignored; what arrives is kept."""
    with open_gateway(url, token) as gateway:
        chosen = the_integration(gateway, integration_id)
        _show(gateway.post(f"/crm-integration/{segment(chosen)}/disable-webhooks"), json=json)


@app.command("status")
def status(
    integration_id: IntegrationId = "", *, url: UrlOption = "", token: TokenOption = "", json: JsonOption = False
) -> None:
    """Show whether webhooks are on, which, and what has arrived."""
    with open_gateway(url, token) as gateway:
        chosen = the_integration(gateway, integration_id)
        _show(gateway.get(f"/crm-integration/{segment(chosen)}/webhook-status"), json=json)


def _show(state: dict[str, Any], *, json: bool) -> None:
    if json:
        print_json(state)
        return
    subscriptions = state.pop("subscriptions", None) or []
    print_facts(state)
    if subscriptions:
        print_rows(subscriptions, SUBSCRIPTIONS, "")
