"""`up`, `demo` and `token`: commands for the suite on this machine.

What `up` and `demo` need takes longer to import than another command takes to run, so they import it themselves.
"""

import sys
from datetime import timedelta
from typing import Annotated

import typer

from leadsync_cli.commands.context import read_settings
from leadsync_cli.commands.options import JsonOption
from leadsync_cli.errors import Exit
from leadsync_cli.output import print_json
from leadsync_cli.tokens import Role, id_of, local_token_key, make_token


def up(*, json: JsonOption = False) -> None:
    """Run the whole suite here: database, services and, unless a CRM token is set, a CRM simulator.

    Ctrl-C stops it; a second Ctrl-C kills it. With --json, every status line is a JSON object.
    """
    from leadsync_cli.suite.events import Reporter, as_json, as_text  # noqa: PLC0415 (takes long to load)
    from leadsync_cli.suite.up import run_suite  # noqa: PLC0415 (takes long to load)

    run_suite(read_settings(), Reporter(as_json if json else as_text))


def demo(*, json: JsonOption = False) -> None:
    """Play the test checklist on the running suite, or on a new one that is stopped afterwards.

    On a running suite, its leads and contacts remain; their names are unique per run. Exit code 1 if a check fails.
    """
    from leadsync_cli.demo.play import play_demo  # noqa: PLC0415 (takes long to load)

    if not play_demo(read_settings(), as_json=json):
        raise typer.Exit(Exit.FAILED)


def token(
    *,
    tenant: Annotated[str, typer.Option(help="Tenant of the bearer.")] = "default",
    role: Annotated[Role, typer.Option(help="What the bearer may do.")] = Role.VIEWER,
    subject: Annotated[str, typer.Option(help="Name of the bearer, for the history.")] = "leadsync-cli",
    days: Annotated[float, typer.Option(min=0.001, max=3650, help="Days until it expires.")] = 30,
    json: JsonOption = False,
) -> None:
    """Print a token, signed with the local token key."""
    keys = local_token_key(read_settings())
    made = make_token(keys, tenant=tenant, role=role, subject=subject, lifetime=timedelta(days=days))
    if json:
        print_json({"token": made, "id": id_of(made)})
    else:
        sys.stdout.write(made + "\n")
