"""`secrets`: the files of keys and passwords that docker-compose.yml mounts."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from leadsync_cli.commands.context import read_settings
from leadsync_cli.commands.options import JsonOption
from leadsync_cli.errors import CommandError, Exit
from leadsync_cli.keys import KEY_FILES, SHORTEST_KEY, make_private_dir, new_key, write_private
from leadsync_cli.output import print_facts, print_json, print_rows

PASSWORDS = ("mongo-root-password", "mongo-lead-store-password", "mongo-crm-connector-password")
FILLED_BY_PEOPLE = ("hubspot-client-secret", "hubspot-webhook-secret", "hubspot-developer-key", "oidc-client-secret")
REVOKED = "revoked/tokens.json"
# The users of containers are not the folder's owner. They get single files; others cannot enter the folder.
MODE = 0o644
LOST = (
    "Restore it from a backup: a database that was made with it needs it.\n"
    "If there is no database yet, remove it: the next run makes a new one."
)
LOST_LIST = "Restore it from a backup. If no token is revoked, write {} into it."


def secret_files(
    *,
    folder: Annotated[Path, typer.Option(help="Where they are kept.")] = Path("secrets"),
    json: JsonOption = False,
) -> None:
    """Make the keys and passwords that docker-compose.yml needs, each in a file of its own.

    A file that exists is never changed. One that is empty or cut off is refused: what leadsync made has to be restored.
    A key of the environment (LEADSYNC_SECRET_KEY, …) is used instead of a new one.
    """
    settings = read_settings()
    try:
        rows = _ensure(folder.absolute(), {name: settings.secret(name) for name in KEY_FILES})
    except OSError as error:
        detail = f"{error.filename or folder}: {error.strerror}.\n--folder chooses another folder."
        raise CommandError("folder_unusable", detail, Exit.USAGE) from None
    if json:
        print_json({"folder": str(folder.absolute()), "files": rows})
        return
    print_facts({"folder": str(folder.absolute())})
    print_rows(rows, [("file", "file"), ("state", "state")], "")
    if empty := [row["file"] for row in rows if row["state"] == "empty"]:
        sys.stdout.write("\nYours to fill in, as far as you need them:\n" + "".join(f"  {name}\n" for name in empty))


def _ensure(folder: Path, given: Mapping[str, str]) -> list[dict[str, str]]:
    """Make what is missing; return each file and its state. Raises OSError, or CommandError if others can enter."""
    make_private_dir(folder)
    if folder.stat().st_mode & 0o077:
        raise CommandError("folder_open", f"Other users can enter {folder}: `chmod 700` it.", Exit.USAGE)
    _refuse_damaged(folder)
    contents = {name: given.get(variable) or new_key() for variable, name in KEY_FILES.items()}
    contents |= {name: new_key() for name in PASSWORDS} | dict.fromkeys(FILLED_BY_PEOPLE, "") | {REVOKED: "{}"}
    make_private_dir((folder / REVOKED).parent).chmod(0o755)
    return [{"file": name, "state": _write(folder / name, content)} for name, content in contents.items()]


def _refuse_damaged(folder: Path) -> None:
    """Raise CommandError if a file that leadsync once made has lost its content: a database may need what it held."""
    damaged = {}
    for name in (*KEY_FILES.values(), *PASSWORDS, REVOKED):
        try:
            content = (folder / name).read_text(encoding="utf-8", errors="replace").strip()
        except FileNotFoundError:
            continue
        parts = content.split(",") if name in KEY_FILES.values() else []
        if not content:
            damaged[name] = "is empty"
        elif any(len(part.strip()) < SHORTEST_KEY for part in parts):
            damaged[name] = f"has been cut off: a key has at least {SHORTEST_KEY} characters"
    if damaged:
        told = "\n".join(f"{folder / name} {fault}." for name, fault in damaged.items())
        advice = LOST_LIST if set(damaged) == {REVOKED} else LOST
        raise CommandError("damaged_key_file", f"{told}\n{advice}", Exit.USAGE)


def _write(path: Path, content: str) -> str:
    state = "kept"
    if not path.exists():
        write_private(path, content, replace=False, mode=MODE)
        state = "made"
    return state if path.read_text(encoding="utf-8", errors="replace").strip() else "empty"
