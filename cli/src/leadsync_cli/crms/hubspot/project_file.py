"""`leadsync webhooks hubspot-project`: write the webhook file of a project app."""

import json as jsonlib
from pathlib import Path
from typing import Annotated

import typer

from leadsync_cli.commands.context import open_gateway, the_integration
from leadsync_cli.commands.options import IntegrationArgument, JsonOption, TokenOption, UrlOption
from leadsync_cli.crms.hubspot.project import PATH, webhooks_file
from leadsync_cli.errors import CommandError
from leadsync_cli.gateway.client import segment
from leadsync_cli.output import show


def hubspot_project(
    integration_id: IntegrationArgument = "",
    *,
    out: Annotated[Path, typer.Option(help="Folder of the HubSpot project.", file_okay=False)] = Path(),
    url: UrlOption = "",
    token: TokenOption = "",
    json: JsonOption = False,
) -> None:
    """Write the file that declares the webhooks of a project app on HubSpot's developer platform.

    It replaces the present file. Run this again when the field mapping changes, and deploy with `hs project upload`.
    """
    with open_gateway(url, token) as gateway:
        chosen = f"/crm-integration/{segment(the_integration(gateway, integration_id))}"
        state, mapping = gateway.get(f"{chosen}/webhook-status"), gateway.get(chosen)["fieldMapping"]
    content = webhooks_file(state["url"], state["events"], mapping.values())
    path = out / PATH
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(jsonlib.dumps(content, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise CommandError(
            "cannot_write", f"{path}: {error.strerror}", hint="Give another folder with --out."
        ) from None
    written = {"file": str(path), "url": state["url"], "next": "hs project upload"}
    if not state["url"].startswith("https://"):
        written["but"] = "HubSpot calls only https addresses: set API_URL to a public one, then run this again"
    show(written, json=json)
