"""The collection `processes`: whose transactions are whose, so that those of a process that died can be ended.

A transaction outlives its process. Until the server gives it up, after a minute, nobody can claim or touch the work
items
that it has changed; the embedded server even waits for somebody else's transaction to come along. So each process
writes down the sessions of its transactions, and every few seconds that it lives. Its successor, or whoever notices
that it has fallen silent, ends these sessions. One that only seemed dead loses what it was about to commit, and tries
again.
"""

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta

import structlog
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database

from lead_store.mongo.client import Document, server_now

SILENT_AFTER = timedelta(seconds=15)
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Processes:
    """One process among all that work on a database. `name` is the same for a process and its successor."""

    collection: Collection[Document]
    name: str
    noted: set[bytes] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def of(cls, database: Database[Document], name: str) -> "Processes":
        """The processes of a database, seen from one of this name."""
        return cls(database["processes"], name)

    def note(self, session: ClientSession) -> None:
        """Write a session down, before its first transaction; the driver uses the same few again and again."""
        session_id = bytes(session.session_id["id"])
        with self.lock:
            if session_id not in self.noted:
                added = {"$addToSet": {"sessions": session.session_id}, "$currentDate": {"seen_at": True}}
                self.collection.update_one({"_id": self.name}, added, upsert=True)
                self.noted.add(session_id)

    def succeed(self) -> None:
        """End what a process of the same name has left behind. Call it once, before anything else."""
        self._end(self.collection.find({"_id": self.name}))

    def beat(self) -> None:
        """Say that this process lives, and end what those that have fallen silent have left behind."""
        self.collection.update_one({"_id": self.name}, {"$currentDate": {"seen_at": True}})
        silent_since = server_now(self.collection.database) - SILENT_AFTER
        self._end(self.collection.find({"seen_at": {"$lt": silent_since}}))

    def _end(self, dead: Iterable[Document]) -> None:
        for process in dead:
            self.collection.database.client.admin.command("killSessions", process["sessions"])
            self.collection.delete_one({"_id": process["_id"], "seen_at": process["seen_at"]})
            log.info("Ended the transactions of a process that is gone", process=process["_id"])
