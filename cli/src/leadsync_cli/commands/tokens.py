"""`tokens`: which bearer tokens no longer count although they have not expired.

They change the file that the gateway reads, so they run where the gateway does.
"""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from leadsync_cli.commands.context import read_settings
from leadsync_cli.commands.options import JsonOption
from leadsync_cli.errors import CommandError, Exit
from leadsync_cli.output import print_facts, print_json, print_rows
from leadsync_cli.revocations import LONGEST_NAME, Revoked, change
from leadsync_cli.tokens import id_of

app = typer.Typer(no_args_is_help=True, help="Revoke bearer tokens, where the gateway runs.")
FileOption = Annotated[
    Path | None,
    typer.Option("--file", help="The gateway's file.  [default: LEADSYNC_REVOKED_TOKENS, else that of `leadsync up`]"),
]


@app.command("list")
def list_revoked(*, file: FileOption = None, json: JsonOption = False) -> None:
    """Show what the file revokes."""
    path = _path(file)
    _show(path, Revoked.read(path), json=json)


@app.command()
def revoke(
    tokens: Annotated[
        list[str], typer.Argument(metavar="ID...", help="Ids of tokens (`jti`), or the tokens themselves.")
    ],
    *,
    file: FileOption = None,
    json: JsonOption = False,
) -> None:
    """Revoke single tokens for good. They stop counting within a second."""
    path, ids = _path(file), [id_of(one) if "." in one else _name("id", one) for one in tokens]
    _show(path, change(path, lambda revoked: revoked.with_ids(ids)), json=json)


@app.command("revoke-before")
def revoke_before(
    time: Annotated[str, typer.Argument(metavar="TIME", help="A moment such as 2026-11-30T12:00:00Z, or now.")],
    *,
    tenant: Annotated[str, typer.Option(help="Whose tokens.")] = "default",
    file: FileOption = None,
    json: JsonOption = False,
) -> None:
    """Revoke all tokens of a tenant that were made before a moment. A later moment that was set before stays."""
    path, at = _path(file), _moment(time)
    _name("tenant", tenant)
    _show(path, change(path, lambda revoked: revoked.with_limit(tenant, at)), json=json)


def _path(given: Path | None) -> Path:
    return (given or read_settings().revoked_tokens_file).expanduser().absolute()


def _name(what: str, text: str) -> str:
    if not (0 < len(text) <= LONGEST_NAME and text.isprintable()):
        raise CommandError(
            "invalid_name", f"The {what} has to be 1 to {LONGEST_NAME} printable characters.", Exit.USAGE
        )
    return text


def _moment(text: str) -> datetime:
    """Return the moment, in whole seconds as tokens have them. Raises CommandError."""
    now = datetime.now(UTC)
    if text == "now":
        return now.replace(microsecond=0) + timedelta(seconds=1)  # the end of this second
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = datetime(1, 1, 1)  # noqa: DTZ001 - it is refused, as any without a time zone
    if at.tzinfo is None:
        detail = f"{text!r} is no moment with a time zone. It looks like {now:%Y-%m-%dT%H:%M:%SZ}; or say now."
        raise CommandError("invalid_time", detail, Exit.USAGE)
    if at > now:
        detail = f"{text} is yet to come: tokens that are made until then would not count either."
        raise CommandError("invalid_time", detail, Exit.USAGE)
    return at.astimezone(UTC)


def _show(path: Path, revoked: Revoked, *, json: bool) -> None:
    if json:
        print_json({"file": str(path), **revoked.document()})
        return
    print_facts({"file": str(path)})
    rows: list[dict[str, Any]] = [
        {"what": "tenant", "name": tenant, "before": f"{at:%Y-%m-%dT%H:%M:%SZ}"}
        for tenant, at in sorted(revoked.not_before.items())
    ]
    rows += [{"what": "token", "name": one, "before": ""} for one in revoked.ids]
    sys.stdout.write("\n")
    columns = [("revoked", "what"), ("name", "name"), ("made before", "before")]
    print_rows(rows, columns, "No token is revoked.")
