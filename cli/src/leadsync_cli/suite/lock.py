"""One suite per data directory: a lock that the kernel releases when its holder dies, however it dies."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from leadsync_cli.errors import CommandError


@contextmanager
def locked(data_dir: Path) -> Iterator[None]:
    """Hold the data directory's lock. Raises CommandError, with the id of the process that has it."""
    handle = os.open(data_dir / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(handle, "r+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = file.read().strip() or "unknown"
            detail = (
                f"Process {holder} runs a suite with the data directory {data_dir}.\n"
                "Use that one, stop it, or set another LEADSYNC_DATA_DIR."
            )
            raise CommandError("already_running", detail) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
