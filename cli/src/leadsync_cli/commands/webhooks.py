"""`leadsync webhooks …`: the webhooks of a connected account."""

from typing import Any

import typer

from leadsync_cli.commands.context import open_gateway, the_integration
from leadsync_cli.commands.options import IntegrationArgument, JsonOption, TokenOption, UrlOption
from leadsync_cli.gateway.client import segment
from leadsync_cli.output import show_with_rows

app = typer.Typer(no_args_is_help=True, help="Enable, disable and show the webhooks of an account.")

SUBSCRIPTIONS = [("SUBSCRIPTION", "id"), ("EVENT", "event"), ("PROPERTY", "property"), ("ACTIVE", "active")]


@app.command("enable")
def enable(
    integration_id: IntegrationArgument = "", *, url: UrlOption = "", token: TokenOption = "", json: JsonOption = False
) -> None:
    """Use the account's webhooks, and subscribe the app where the CRM has an API for it."""
    with open_gateway(url, token) as gateway:
        chosen = the_integration(gateway, integration_id)
        _show(gateway.post(f"/crm-integration/{segment(chosen)}/enable-webhooks"), json=json)


@app.command("disable")
def disable(
    integration_id: IntegrationArgument = "", *, url: UrlOption = "", token: TokenOption = "", json: JsonOption = False
) -> None:
    """Ignore the account's webhooks; those that arrive are kept."""
    with open_gateway(url, token) as gateway:
        chosen = the_integration(gateway, integration_id)
        _show(gateway.post(f"/crm-integration/{segment(chosen)}/disable-webhooks"), json=json)


@app.command("status")
def status(
    integration_id: IntegrationArgument = "", *, url: UrlOption = "", token: TokenOption = "", json: JsonOption = False
) -> None:
    """Show whether webhooks are enabled, which ones, and what has arrived."""
    with open_gateway(url, token) as gateway:
        chosen = the_integration(gateway, integration_id)
        _show(gateway.get(f"/crm-integration/{segment(chosen)}/webhook-status"), json=json)


def _show(state: dict[str, Any], *, json: bool) -> None:
    show_with_rows(state, {"subscriptions": SUBSCRIPTIONS}, json=json)
