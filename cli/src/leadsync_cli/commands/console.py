"""`console`: open the console in a browser, signed in."""

import getpass
import sys
import webbrowser
from typing import Annotated

import typer

from leadsync_cli.commands.context import read_settings
from leadsync_cli.commands.options import JsonOption
from leadsync_cli.output import print_json
from leadsync_cli.tokens import CODE_SECONDS, Role, console_link, local_token_key


def console(
    *,
    tenant: Annotated[str, typer.Option(help="Tenant that is looked at.")] = "default",
    role: Annotated[Role, typer.Option(help="What may be done.")] = Role.ADMIN,
    subject: Annotated[str, typer.Option(help="Your name, for the history.  [default: your login]")] = "",
    show: Annotated[bool, typer.Option("--print", help="Only print the link.")] = False,
    json: JsonOption = False,
) -> None:
    """Open the console in a browser. The link works once, within a minute; it is signed with the local token key."""
    settings = read_settings()
    name = subject or getpass.getuser()
    link = console_link(settings.url, local_token_key(settings), tenant=tenant, role=role, subject=name)
    if json:
        print_json({"link": link, "seconds": CODE_SECONDS})
        return
    if not show and webbrowser.open(link):
        sys.stdout.write("The console opens in your browser.\n")
    else:
        sys.stdout.write(f"{link}\n")
