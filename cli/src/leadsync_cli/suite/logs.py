"""Log files of the children: one per component, and beside it earlier ones, of which the newest is `<name>.log.1`."""

import asyncio
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

TAIL_BYTES = 4_000
LARGEST = 10_000_000  # bytes
KEPT = 3  # earlier logs
LOOK_SECONDS = 5.0


def rotate(path: Path) -> None:
    """Rename an earlier log, so that a new start begins with an empty one."""
    if path.exists():
        _make_place(path)
        path.replace(_earlier(path, 1))


def open_to_append(path: Path) -> BinaryIO:
    """Open a log for a process to write to. If that cannot be, such as on a full disk, it goes on without a log."""
    try:
        return path.open("ab")
    except OSError:
        return Path(os.devnull).open("ab")


async def keep_small(path: Path) -> None:
    """Cut a log each time it has become too large; until cancelled."""
    while True:
        with suppress(OSError):
            await asyncio.to_thread(cut, path)
        await asyncio.sleep(LOOK_SECONDS)


def cut(path: Path, largest: int = LARGEST) -> None:
    """If a log that its process goes on writing is larger, copy it to an earlier one and empty it.

    The process appends to the same file, so it notices nothing. What it writes between copy and cut is lost. So is what
    finds no room for the copy: then the disk is full, and an empty log helps more than a whole one.
    """
    if path.stat().st_size <= largest:
        return
    _make_place(path)
    copy = _earlier(path, 1)
    try:
        shutil.copyfile(path, copy)
        copy.chmod(0o600)
    except OSError:
        copy.unlink(missing_ok=True)
    os.truncate(path, 0)


def tail(path: Path, lines: int = 20) -> str:
    """Return the last lines of a log, for people; empty if there is no log."""
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - TAIL_BYTES))
        end = file.read().decode(errors="replace")
    return "\n".join(end.splitlines()[-lines:])


def _earlier(path: Path, number: int) -> Path:
    return path.with_suffix(f".log.{number}")


def _make_place(path: Path) -> None:
    """Give each earlier log the next number; the oldest one goes."""
    for number in range(KEPT - 1, 0, -1):
        if _earlier(path, number).exists():
            _earlier(path, number).replace(_earlier(path, number + 1))
