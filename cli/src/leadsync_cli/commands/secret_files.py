"""`secrets`: the files of keys and passwords that docker-compose.yml mounts."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from leadsync_cli.commands.context import read_settings
from leadsync_cli.commands.options import JsonOption
from leadsync_cli.errors import CommandError, Exit
from leadsync_cli.keys import KEY_FILES, make_private_dir, new_key, write_private
from leadsync_cli.output import print_facts, print_json, print_rows

PASSWORDS = ("mongo-root-password", "mongo-lead-store-password", "mongo-crm-connector-password")
FILLED_BY_PEOPLE = ("hubspot-client-secret", "hubspot-webhook-secret", "hubspot-developer-key")
REVOKED = "revoked/tokens.json"
# The users of containers are not the folder's owner. They get single files; others cannot enter the folder.
MODE = 0o644


def secret_files(
    *,
    folder: Annotated[Path, typer.Option(help="Where they are kept.")] = Path("secrets"),
    json: JsonOption = False,
) -> None:
    """Make the keys and passwords that docker-compose.yml needs, each in a file of its own.

    A file that exists is never changed. A key of the environment (LEADSYNC_SECRET_KEY, …) is used instead of a new one.
    """
    try:
        rows = _ensure(folder.absolute(), read_settings().environment)
    except OSError as error:
        detail = f"{error.filename or folder}: {error.strerror}.\n--folder chooses another folder."
        raise CommandError("folder_unusable", detail, Exit.USAGE) from None
    if json:
        print_json({"folder": str(folder.absolute()), "files": rows})
        return
    print_facts({"folder": str(folder.absolute())})
    print_rows(rows, [("file", "file"), ("state", "state")], "")
    if empty := [row["file"] for row in rows if row["state"] == "empty"]:
        sys.stdout.write(f"\nYours to fill in, as far as you need them: {', '.join(empty)}\n")


def _ensure(folder: Path, given: Mapping[str, str]) -> list[dict[str, str]]:
    """Make what is missing; return each file and its state. Raises OSError, or CommandError if others can enter."""
    make_private_dir(folder)
    if folder.stat().st_mode & 0o077:
        raise CommandError("folder_open", f"Other users can enter {folder}: `chmod 700` it.", Exit.USAGE)
    contents = {name: given.get(variable) or new_key() for variable, name in KEY_FILES.items()}
    contents |= {name: new_key() for name in PASSWORDS} | dict.fromkeys(FILLED_BY_PEOPLE, "") | {REVOKED: "{}"}
    make_private_dir((folder / REVOKED).parent).chmod(0o755)
    return [{"file": name, "state": _write(folder / name, content)} for name, content in contents.items()]


def _write(path: Path, content: str) -> str:
    state = "kept"
    if not path.exists():
        write_private(path, content, replace=False, mode=MODE)
        state = "made"
    return state if path.read_text(encoding="utf-8", errors="replace").strip() else "empty"
