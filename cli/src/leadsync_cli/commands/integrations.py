"""`leadsync integration …`: connected CRM accounts."""

import json as json_text
import sys
from getpass import getpass
from pathlib import Path
from typing import Annotated, Any

import typer

from leadsync_cli.commands.context import open_gateway, read_settings, the_integration
from leadsync_cli.commands.options import (
    EtagOption,
    IntegrationArgument,
    JsonOption,
    PageSizeOption,
    PageTokenOption,
    TokenOption,
    UrlOption,
    YesOption,
)
from leadsync_cli.crms.hubspot.local import PROVIDER
from leadsync_cli.errors import CommandError, Exit
from leadsync_cli.gateway.client import segment
from leadsync_cli.output import print_json, print_rows, show, show_page

app = typer.Typer(no_args_is_help=True, help="Connect and configure CRM accounts.")

PATH = "/crm-integration"
Mapping = Annotated[
    list[str] | None,
    typer.Option("--map", help="Map a field: LEAD_FIELD=PROPERTY, e.g. firstName=firstname; repeatable."),
]
SettingsFile = Annotated[
    Path | None,
    typer.Option(
        "--settings",
        exists=True,
        dir_okay=False,
        help="JSON file with direction, fieldMapping, fieldRules, fieldTransforms or policies, as `get --json` prints "
        "them; its other fields are ignored.",
    ),
]
SETTINGS = {"direction", "fieldMapping", "fieldRules", "fieldTransforms", "policies"}
SHOWN = {"id", "provider", "portalId", "appId", "credential", "paused", "webhooksEnabled", "createdAt", "applyRun"}
DIRECTIONS = "bidirectional, to_crm or from_crm"
CREDENTIALS = {"access-token": "accessToken", "refresh-token": "refreshToken", "code": "code"}
COLUMNS = [
    ("ID", "id"),
    ("CRM", "provider"),
    ("ACCOUNT", "portalId"),
    ("DIRECTION", "direction"),
    ("WEBHOOKS", "webhooksEnabled"),
    ("PAUSED", "paused"),
]
FIELD_COLUMNS = [
    ("PROPERTY", "property"),
    ("LEAD FIELD", "mappedTo"),
    ("LABEL", "label"),
    ("TYPE", "type"),
    ("READ ONLY", "readOnly"),
    ("OPTIONS", "options"),
]


@app.command("list")
def list_integrations(
    *,
    limit: PageSizeOption = 50,
    page_token: PageTokenOption = "",
    url: UrlOption = "",
    token: TokenOption = "",
    json: JsonOption = False,
) -> None:
    """List connected accounts, oldest first, one page."""
    with open_gateway(url, token) as gateway:
        page = gateway.get(PATH, pageSize=limit, pageToken=page_token)
    show_page(page, "integrations", COLUMNS, "No CRM account is connected.", json=json)


@app.command("get")
def get_integration(
    integration_id: IntegrationArgument = "", *, url: UrlOption = "", token: TokenOption = "", json: JsonOption = False
) -> None:
    """Show one connected account."""
    with open_gateway(url, token) as gateway:
        chosen = the_integration(gateway, integration_id)
        show(gateway.get(f"{PATH}/{segment(chosen)}"), json=json)


@app.command("fields")
def list_fields(
    integration_id: IntegrationArgument = "", *, url: UrlOption = "", token: TokenOption = "", json: JsonOption = False
) -> None:
    """List the CRM's properties, and which lead field each is mapped to."""
    with open_gateway(url, token) as gateway:
        found = gateway.get(f"{PATH}/{segment(the_integration(gateway, integration_id))}/fields")
    if json:
        print_json(found)
        return
    rows = [field | {"options": [one["value"] for one in field.get("options") or []]} for field in found["fields"]]
    print_rows(rows, FIELD_COLUMNS, "No properties.")


@app.command("create")
def create_integration(
    *,
    provider: Annotated[str, typer.Option(help="The CRM.")] = PROVIDER,
    credential: Annotated[
        str, typer.Option(help="Kind of secret: access-token, refresh-token or code.")
    ] = "access-token",
    redirect_uri: Annotated[str, typer.Option(help="With code: its redirect address.")] = "",
    portal_id: Annotated[str, typer.Option(help="Expected account; another one is refused.")] = "",
    app_id: Annotated[str, typer.Option(help="App whose webhooks to manage.")] = "",
    direction: Annotated[str, typer.Option(help=f"{DIRECTIONS}; default: bidirectional.")] = "",
    mapping: Mapping = None,
    settings: SettingsFile = None,
    paused: Annotated[bool, typer.Option("--paused", help="Connect, but sync nothing yet.")] = False,
    url: UrlOption = "",
    token: TokenOption = "",
    json: JsonOption = False,
) -> None:
    """Connect a CRM account.

    The secret is never an option, since other users of the machine could read it. It comes from LEADSYNC_CRM_SECRET,
    else from a prompt, or from stdin if stdin is no terminal.
    """
    if credential not in CREDENTIALS:
        raise CommandError("invalid_field", f"--credential is one of {', '.join(CREDENTIALS)}.", Exit.USAGE)
    body: dict[str, Any] = {"provider": provider, **_settings(settings), CREDENTIALS[credential]: _secret(credential)}
    optional: dict[str, Any] = {"portalId": portal_id, "appId": app_id, "redirectUri": redirect_uri}
    optional |= {"direction": direction, "fieldMapping": _mapping(mapping)}
    body |= {name: value for name, value in optional.items() if value}
    if paused:
        body["paused"] = True
    with open_gateway(url, token) as gateway:
        show(gateway.post(PATH, body), json=json)


@app.command("update")
def update_integration(
    integration_id: IntegrationArgument = "",
    *,
    direction: Annotated[str, typer.Option(help=DIRECTIONS)] = "",
    mapping: Mapping = None,
    settings: SettingsFile = None,
    paused: Annotated[bool | None, typer.Option("--paused/--resumed", help="Pause or resume the sync.")] = None,
    new_secret: Annotated[str, typer.Option(help="Replace this credential: access-token or refresh-token.")] = "",
    etag: EtagOption = "",
    url: UrlOption = "",
    token: TokenOption = "",
    json: JsonOption = False,
) -> None:
    """Change the given settings. `--map` replaces the whole mapping.

    A change that affects records is applied to existing links by a run, which you can follow.
    """
    body: dict[str, Any] = {"direction": direction or None, "fieldMapping": _mapping(mapping) or None, "paused": paused}
    if new_secret:
        if new_secret not in {"access-token", "refresh-token"}:
            raise CommandError("invalid_field", "--new-secret is access-token or refresh-token.", Exit.USAGE)
        body[CREDENTIALS[new_secret]] = _secret(new_secret)
    given = _settings(settings) | {name: value for name, value in body.items() if value is not None}
    if not given:
        raise CommandError("no_fields", "Give something to change, e.g. --direction.", Exit.USAGE)
    with open_gateway(url, token) as gateway:
        chosen = the_integration(gateway, integration_id)
        changed = gateway.patch(f"{PATH}/{segment(chosen)}", given, etag)
    show(changed, json=json)
    if (run := changed.get("applyRun")) and not json:
        show({"applied to existing links by": f"leadsync runs follow {run['runId']}"}, json=False)


@app.command("delete")
def delete_integration(
    integration_id: Annotated[str, typer.Argument(help="Id of the integration; required.")],
    *,
    yes: YesOption = False,
    url: UrlOption = "",
    token: TokenOption = "",
    json: JsonOption = False,
) -> None:
    """Disconnect an account: links are detached, leads and records stay."""
    if not yes:
        typer.confirm(f"Disconnect {integration_id}? Its links are detached for good.", abort=True, err=True)
    with open_gateway(url, token) as gateway:
        gateway.delete(f"{PATH}/{segment(integration_id)}")
    show({"id": integration_id, "deleted": True}, json=json)


def _secret(kind: str) -> str:
    """Return the secret from the environment, a prompt or stdin. Raises CommandError if it is empty."""
    secret = read_settings().crm_secret
    if not secret:
        secret = getpass(f"{kind} (not shown): ") if sys.stdin.isatty() else sys.stdin.readline()
    if not secret.strip():
        detail = "No secret: set LEADSYNC_CRM_SECRET, or give it on stdin."
        raise CommandError("no_secret", detail, Exit.USAGE)
    return secret.strip()


def _mapping(pairs: list[str] | None) -> dict[str, str]:
    """Return LEAD_FIELD=PROPERTY pairs as an object. Raises CommandError if one is no such pair."""
    found: dict[str, str] = {}
    for pair in pairs or []:
        name, _, target = pair.partition("=")
        if not name or not target:
            raise CommandError("invalid_field", f"--map takes LEAD_FIELD=PROPERTY, not {pair!r}.", Exit.USAGE)
        found[name] = target
    return found


def _settings(path: Path | None) -> dict[str, Any]:
    """Return the settings in a file. Raises CommandError if it has an unknown field."""
    if path is None:
        return {}
    try:
        found = json_text.loads(path.read_text())
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise CommandError("malformed_json", f"{path} is not a JSON object.", Exit.USAGE)
    if unknown := sorted(found.keys() - SETTINGS - SHOWN):
        detail = f"{path}: unknown setting {', '.join(unknown)}; the settings are {', '.join(sorted(SETTINGS))}."
        raise CommandError("invalid_field", detail, Exit.USAGE)
    return {name: value for name, value in found.items() if name in SETTINGS}
