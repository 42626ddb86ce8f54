"""Options that several commands share."""

from typing import Annotated

import typer

UrlOption = Annotated[str, typer.Option("--url", help="Address of the gateway.  [default: LEADSYNC_URL, else local]")]
TokenOption = Annotated[
    str, typer.Option("--token", help="Bearer token.  [default: LEADSYNC_TOKEN, else the local admin token]")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
IntegrationOption = Annotated[
    str, typer.Option("--integration", "-i", help="Integration id; optional if there is only one.")
]
OneIntegrationOption = Annotated[str, typer.Option("--integration", "-i", help="Only this integration.")]
IntegrationArgument = Annotated[
    str, typer.Argument(help="Integration id; optional if there is only one.", show_default=False)
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
PageSizeOption = Annotated[int, typer.Option("--limit", min=1, max=200, help="Items per page.")]
PageTokenOption = Annotated[str, typer.Option("--page-token", help="`nextPageToken` of the previous page.")]
EtagOption = Annotated[str, typer.Option("--etag", help="Change only if this is the present etag.")]

CUSTOM = "customFields."


def custom_name(name: str) -> str:
    """Return the name of a custom field alone, also if it was copied from a list, which shows `customFields.<name>`."""
    return name.removeprefix(CUSTOM)
