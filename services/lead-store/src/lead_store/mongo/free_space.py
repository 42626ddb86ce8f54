"""How much room the database's disk has. With too little, nothing new is begun, so that what has begun can end."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pymongo
import structlog
from pymongo.database import Database
from pymongo.errors import PyMongoError

from lead_store.mongo.client import Document

MB = 1_000_000  # bytes
ASK_SECONDS = 5.0
AGAIN = 1.25  # there is room again once there is so many times the least: it does not go to and fro
log = structlog.get_logger()


class FreeSpace:
    """Whether there is room. A full disk is never reached by what is new: the database may not outlive it."""

    def __init__(self, measure: Callable[[], int | None], least: int) -> None:
        """`measure` gives the free bytes, None if nobody knows; less than `least` is too little."""
        self.low = False
        self._measure = measure
        self._least = least

    def look(self) -> None:
        """Measure again, and log when it changes."""
        free = self._measure()
        was, wanted = self.low, self._least * (AGAIN if self.low else 1)
        self.low = free is not None and free < wanted
        if self.low != was:
            tell = log.error if self.low else log.info
            text = "The disk is nearly full: nothing new is taken" if self.low else "The disk has room again"
            tell(text, free_mb=(free or 0) // MB, least_mb=self._least // MB)


def of_folder(folder: Path) -> int | None:
    """Measure the disk of a folder on this machine."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None


def of_server(database: Database[Document]) -> int | None:
    """Ask the server about the disk of its data. The embedded one does not know."""
    try:
        with pymongo.timeout(ASK_SECONDS):
            stats = database.command("dbStats")
    except PyMongoError:
        return None  # what is wrong with it, others say
    if "fsTotalSize" not in stats:
        return None
    return int(stats["fsTotalSize"] - stats["fsUsedSize"])
