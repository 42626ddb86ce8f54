"""Log files of the children: one per component, and beside it the log of the previous start."""

from pathlib import Path

TAIL_BYTES = 4_000


def rotate(path: Path) -> None:
    """Rename an earlier log to `<name>.log.1`, so that a new start begins with an empty one."""
    if path.exists():
        path.replace(path.with_suffix(".log.1"))


def tail(path: Path, lines: int = 20) -> str:
    """Return the last lines of a log, for people; empty if there is no log."""
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - TAIL_BYTES))
        end = file.read().decode(errors="replace")
    return "\n".join(end.splitlines()[-lines:])
