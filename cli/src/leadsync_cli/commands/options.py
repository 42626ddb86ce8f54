"""Options that many commands share."""

from typing import Annotated

import typer

UrlOption = Annotated[
    str, typer.Option("--url", help="Gateway to talk to.  [default: LEADSYNC_URL, else this machine's]")
]
TokenOption = Annotated[
    str, typer.Option("--token", help="Bearer token.  [default: LEADSYNC_TOKEN, else the data directory's admin-token]")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
IntegrationOption = Annotated[
    str, typer.Option("--integration", "-i", help="Integration id; may be left out when there is only one.")
]
OneIntegrationOption = Annotated[str, typer.Option("--integration", "-i", help="Only this integration.")]
IntegrationArgument = Annotated[
    str, typer.Argument(help="Integration id; may be left out when there is only one.", show_default=False)
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
PageSizeOption = Annotated[int, typer.Option("--limit", min=1, max=200, help="Items per page.")]
PageTokenOption = Annotated[str, typer.Option("--page-token", help="`nextPageToken` of the page before.")]
EtagOption = Annotated[str, typer.Option("--etag", help="Only if the present etag is this one.")]
