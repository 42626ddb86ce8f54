"""Secret files of the data directory: made on the first run, readable by their owner only."""

import base64
import os
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from leadsync_cli.errors import CommandError, Exit

KEY_FILES = {
    "LEADSYNC_SECRET_KEY": "secret-key",
    "LEADSYNC_TOKEN_KEY": "token-key",
    "LEADSYNC_IDENTITY_KEY": "identity-key",
}

LOST_WITHOUT = {
    "LEADSYNC_SECRET_KEY": "no stored credential of a CRM can be read",
    "LEADSYNC_TOKEN_KEY": "no API token is valid any more",
    "LEADSYNC_IDENTITY_KEY": "people whose data was erased are not recognised when they come back",
}
SHORTEST_KEY = 32  # characters


def make_private_dir(path: Path) -> Path:
    """Make a directory that only its owner may enter (mode 0700); an existing one is left as it is."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


@contextmanager
def in_data_dir(data_dir: Path) -> Iterator[None]:
    """Turn whatever the file system refuses into a CommandError that says what the data directory has to be."""
    try:
        yield
    except OSError as error:
        detail = (
            f"{error.filename or data_dir}: {error.strerror}.\n"
            f"The data directory {data_dir} has to be a folder in which this user can write.\n"
            "LEADSYNC_DATA_DIR chooses another one."
        )
        raise CommandError("data_dir_unusable", detail, Exit.USAGE) from None


def write_private(path: Path, content: str, *, replace: bool, mode: int = 0o600) -> None:
    """Write a file, of mode 0600 unless told, that appears completely or not at all.

    Without `replace`, raises FileExistsError if it exists.
    """
    handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mkstemp makes mode 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(content + "\n")
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), mode)
        if replace:
            Path(scratch).replace(path)
        else:
            os.link(scratch, path)
    finally:
        Path(scratch).unlink(missing_ok=True)


def read_private(path: Path) -> str:
    """Read a secret file, after limiting its permissions to its owner.

    Raises FileNotFoundError, or CommandError if it cannot be read or is anything but one line of printable ASCII.
    """
    try:
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)
        content = path.read_bytes().strip().decode("ascii", errors="replace")
    except FileNotFoundError:
        raise
    except OSError as error:
        raise CommandError("unreadable_file", f"{path} cannot be read: {error.strerror}.", Exit.USAGE) from None
    if not content:
        raise CommandError("damaged_key_file", f"{path} is empty. Restore it from a backup.")
    if not (content.isascii() and content.isprintable()):
        raise CommandError("damaged_key_file", f"{path} holds no text of one line. Restore it from a backup.")
    return content


def new_key() -> str:
    """Return 32 random bytes in URL-safe base64, a form for both Fernet and HS256."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def ensure_key(path: Path) -> str:
    """Return the key in the file; make one if there is none. Raises CommandError if the file is damaged."""
    try:
        return read_key(path)
    except FileNotFoundError:
        write_private(path, new_key(), replace=False)
        return read_private(path)


def read_key(path: Path) -> str:
    """Return the key in the file. Raises FileNotFoundError, or CommandError if the file is damaged."""
    key = read_private(path)
    if any(len(part.strip()) < SHORTEST_KEY for part in key.split(",")):
        detail = f"{path} has been cut off: a key has at least {SHORTEST_KEY} characters. Restore it from a backup."
        raise CommandError("damaged_key_file", detail)
    return key


def suite_keys(data_dir: Path, given: Mapping[str, str], *, has_data: bool, accept_new: bool) -> dict[str, str]:
    """Return the suite's keys: those of the environment, else those of the data directory, where missing ones are made.

    Raises CommandError if one is missing beside a database that it was used for, unless new ones are accepted.
    """
    keys = {}
    for variable, name in KEY_FILES.items():
        path = data_dir / name
        if given.get(variable):
            keys[variable] = given[variable]
        elif path.exists() or not has_data or accept_new:
            keys[variable] = ensure_key(path)
        else:
            raise CommandError("key_missing", _missing(variable, path))
    return keys


def _missing(variable: str, path: Path) -> str:
    return (
        f"{path} is missing, but there is a database that was made with it. Without it {LOST_WITHOUT[variable]}.\n"
        f"Restore it from a backup, or set {variable}. If it is lost for good, LEADSYNC_ACCEPT_NEW_KEYS=1 makes one."
    )
