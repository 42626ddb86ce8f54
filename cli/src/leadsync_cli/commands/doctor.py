"""`leadsync doctor`: check everything that a sync needs, and say how to fix problems."""

import sys
import textwrap

import typer
from rich.console import Console

from leadsync_cli.commands.context import open_gateway, the_integration
from leadsync_cli.commands.options import IntegrationOption, JsonOption, TokenOption, UrlOption
from leadsync_cli.errors import Exit
from leadsync_cli.gateway.client import segment
from leadsync_cli.output import PIPE_WIDTH, print_json
from leadsync_cli.terminal import shown

MARKS = {"ok": "✓", "warning": "!", "failed": "✗"}
STYLES = {"ok": "green", "warning": "yellow", "failed": "red"}


def doctor(
    *, integration: IntegrationOption = "", url: UrlOption = "", token: TokenOption = "", json: JsonOption = False
) -> None:
    """Check an account's token, scopes, properties, mapping, webhooks and quota, and say how to fix problems.

    Exit code 1 if a check fails; warnings do not count.
    """
    with open_gateway(url, token) as gateway:
        found = gateway.get(f"/crm-integration/{segment(the_integration(gateway, integration))}/check")
    if json:
        print_json(found)
    else:
        _print(found["checks"])
    if not found["ok"]:
        raise typer.Exit(Exit.FAILED)


def _print(checks: list[dict[str, str | None]]) -> None:
    """Print one line per check, and below it the fix."""
    console = Console(highlight=False, markup=False, emoji=False, width=None if sys.stdout.isatty() else PIPE_WIDTH)
    width = max((len(shown(check["name"] or "")) for check in checks), default=0)
    for check in ({name: shown(text or "") for name, text in check.items()} for check in checks):
        state, style = check["state"], STYLES.get(check["state"], "")
        first = f"{MARKS.get(state, '?')} {check['name']:<{width}}  "
        console.print(_wrapped(check["finding"], first, console.width), style=style, soft_wrap=True)
        if check.get("fix"):
            console.print(_wrapped(check["fix"], f"  {'':<{width}}  → ", console.width), soft_wrap=True)


def _wrapped(text: str, first: str, width: int) -> str:
    """Return `first` and the text, wrapped with the text's indent. Words stay whole: ids have hyphens."""
    indent = " " * len(first)
    return textwrap.fill(
        text, width, initial_indent=first, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
