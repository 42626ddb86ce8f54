"""The command `leadsync`."""

import sys

import typer

from leadsync_cli.commands import (
    conflicts,
    events,
    fields,
    integrations,
    leads,
    local,
    matches,
    runs,
    tokens,
    webhooks,
    work,
)
from leadsync_cli.commands.certs import certs
from leadsync_cli.commands.console import console
from leadsync_cli.commands.doctor import doctor
from leadsync_cli.commands.secret_files import secret_files
from leadsync_cli.commands.why import why
from leadsync_cli.crms.hubspot.project_file import hubspot_project
from leadsync_cli.crms.hubspot.send import send
from leadsync_cli.errors import MEANINGS, CommandError
from leadsync_cli.output import print_error

EPILOG = "Exit codes:\n\n" + "\n".join(f"* `{code.value}` {meaning}" for code, meaning in MEANINGS.items())


HELP = """Keep leads and CRM records the same, in both directions.

`leadsync --install-completion` lets your shell complete commands and options.
"""


def build_app() -> typer.Typer:
    """Return the whole command line."""
    app = typer.Typer(
        name="leadsync",
        help=HELP,
        epilog=EPILOG,
        no_args_is_help=True,
        rich_markup_mode="markdown",
        pretty_exceptions_enable=False,
    )
    app.command()(local.up)
    app.command()(local.demo)
    app.command()(local.token)
    app.command()(console)
    app.command()(certs)
    app.command("secrets")(secret_files)
    app.command()(doctor)
    app.command("import")(runs.import_records)
    app.command()(runs.sync)
    app.command("sync-status")(work.sync_status)
    app.command()(work.redrive)
    app.command()(why)
    app.command()(matches.duplicates)
    app.command()(send)
    groups = {"events": events, "leads": leads, "integration": integrations, "webhooks": webhooks}
    groups |= {
        "runs": runs,
        "work": work,
        "conflicts": conflicts,
        "matches": matches,
        "fields": fields,
        "tokens": tokens,
    }
    for name, group in groups.items():
        app.add_typer(group.app, name=name)
    webhooks.app.command("hubspot-project")(hubspot_project)
    app.callback()(_root)
    return app


def _root() -> None:
    """Keep leads and CRM records the same, in both directions."""


def main(arguments: list[str] | None = None) -> None:
    """Run a command and exit with its code; print errors on stderr without a traceback."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        build_app()(given, prog_name="leadsync")
    except CommandError as error:
        print_error(error, as_json="--json" in given)
        raise SystemExit(error.exit_code) from None


if __name__ == "__main__":
    main()
