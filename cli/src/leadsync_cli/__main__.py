"""The command `leadsync`."""

import sys

import typer

from leadsync_cli.commands import integrations, leads, local, webhooks, work
from leadsync_cli.errors import MEANINGS, CommandError
from leadsync_cli.output import print_error

EPILOG = "Exit codes:  " + "  ·  ".join(f"{code.value} {meaning}" for code, meaning in MEANINGS.items())


def build_app() -> typer.Typer:
    """Return the whole command line."""
    app = typer.Typer(
        name="leadsync",
        help="Leads and CRM records, kept the same in both directions.",
        epilog=EPILOG,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.command()(local.up)
    app.command()(local.demo)
    app.command()(local.token)
    app.command()(work.sync)
    app.command("sync-status")(work.sync_status)
    app.command()(work.redrive)
    app.add_typer(leads.app, name="leads")
    app.add_typer(integrations.app, name="integration")
    app.add_typer(webhooks.app, name="webhooks")
    app.add_typer(work.app, name="work")
    app.callback()(_root)
    return app


def _root() -> None:
    """Leads and CRM records, kept the same in both directions."""


def main(arguments: list[str] | None = None) -> None:
    """Run a command and exit with its code; errors are told on stderr without a traceback."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        build_app()(given, prog_name="leadsync")
    except CommandError as error:
        print_error(error, as_json="--json" in given)
        raise SystemExit(error.exit_code) from None


if __name__ == "__main__":
    main()
