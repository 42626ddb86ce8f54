"""Room on the disk of the data directory: told before there is none, since the database may not outlive a full disk."""

import asyncio
import shutil
from contextlib import suppress
from pathlib import Path

from leadsync_cli.errors import CommandError
from leadsync_cli.suite.events import Reporter

MB = 1_000_000  # bytes
AGAIN = 1.25  # lead-store takes new things again once there is so many times the least
LOOK_SECONDS = 5.0


def check_room(folder: Path, least_mb: int) -> None:
    """Raise CommandError if less than so many megabytes are free."""
    free = shutil.disk_usage(folder).free // MB
    if free < least_mb:
        detail = (
            f"Only {free} MB are free on the disk of {folder}, and {least_mb} MB are needed.\n"
            "Make room, use another LEADSYNC_DATA_DIR, or set LEADSYNC_MIN_FREE_MB lower."
        )
        raise CommandError("disk_full", detail)


async def watch_room(folder: Path, least_mb: int, reporter: Reporter, look_seconds: float = LOOK_SECONDS) -> None:
    """Report when there is too little room, and when there is enough again; until cancelled."""
    low, free = False, least_mb
    while True:
        with suppress(OSError):  # nobody knows then; the next look may
            free = shutil.disk_usage(folder).free // MB
        was, low = low, free < least_mb * (AGAIN if low else 1)
        if low != was:
            wanted = int(least_mb * AGAIN)
            reporter.report("disk_low" if low else "disk_ok", folder=str(folder), free_mb=free, wanted_mb=wanted)
        await asyncio.sleep(look_seconds)
