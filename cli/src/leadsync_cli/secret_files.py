"""Secrets that lie in files: `NAME_FILE` names the file that holds what the variable `NAME` would."""

from collections.abc import Mapping
from pathlib import Path

MOST_BYTES = 16_384  # a wrong path must not fill the memory


def find_secret(variables: Mapping[str, str], name: str) -> str:
    """Return a secret from its variable or its file, without space around it; empty if neither is set.

    Raises ValueError in plain words, with neither the value nor the path, which may be a secret in the wrong place.
    """
    value, path = (variables.get(variable, "").strip() for variable in (name, f"{name}_FILE"))
    if value and path:
        raise ValueError(f"is given twice: remove {name} or {name}_FILE")
    if not path:
        return value
    try:
        return _read(Path(path))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ValueError(f"cannot be read from the file that {name}_FILE names: {reason}") from None


def _read(path: Path) -> str:
    if path.exists() and not path.is_file():  # a pipe would keep the start waiting
        raise ValueError("it is not a file")
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError(f"it has more than {MOST_BYTES:,} bytes")
    text = content.decode("utf-8-sig", errors="replace").strip()  # some editors begin a file with a mark
    if not text:
        raise ValueError("it is empty")
    if not text.isprintable() or "\ufffd" in text:
        raise ValueError("it has to be one line of text")
    return text
