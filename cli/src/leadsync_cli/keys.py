"""Secret files of the data directory: made on the first run, readable by their owner only."""

import base64
import os
import secrets
import tempfile
from pathlib import Path

from leadsync_cli.errors import CommandError

KEY_FILES = {
    "LEADSYNC_SECRET_KEY": "secret-key",
    "LEADSYNC_TOKEN_KEY": "token-key",
    "LEADSYNC_IDENTITY_KEY": "identity-key",
}


def make_private_dir(path: Path) -> Path:
    """Make a directory that only its owner may enter (mode 0700); an existing one is left as it is."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def write_private(path: Path, content: str, *, replace: bool) -> None:
    """Write a file of mode 0600 that appears completely or not at all.

    Without `replace`, raises FileExistsError if it exists.
    """
    handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mkstemp makes mode 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(content + "\n")
            file.flush()
            os.fsync(file.fileno())
        if replace:
            Path(scratch).replace(path)
        else:
            os.link(scratch, path)
    finally:
        Path(scratch).unlink(missing_ok=True)


def read_private(path: Path) -> str:
    """Read a secret file, after limiting its permissions to its owner.

    Raises FileNotFoundError, or CommandError if it is empty.
    """
    if path.stat().st_mode & 0o077:
        path.chmod(0o600)
    content = path.read_text(encoding="utf-8").strip()
    if not content:
        raise CommandError(
            "empty_key_file", f"{path} is empty; restore it from a backup, or delete it to get a new one."
        )
    return content


def new_key() -> str:
    """Return 32 random bytes in URL-safe base64, a form for both Fernet and HS256."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def ensure_key(path: Path) -> str:
    """Return the key in the file; make one if there is none."""
    try:
        return read_private(path)
    except FileNotFoundError:
        write_private(path, new_key(), replace=False)
        return read_private(path)
