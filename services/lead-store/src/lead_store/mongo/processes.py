"""The collection `processes`: which sessions are whose, so that the transactions of a process that died can be ended.

A transaction outlives its process. Until the server gives it up, after a minute, the work items that it has changed
can neither be claimed nor touched; the embedded server even waits for another transaction to come along. So each
process writes down the sessions of its transactions, and every few seconds that it lives. Its successor ends these
sessions, and so does any process that sees no sign of life from it. A process that was only slow loses what it was
about to commit, and tries again.
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

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Processes:
    """One process among all that work on a database. `name` is the same for a process and its successor."""

    collection: Collection[Document]
    name: str
    silent: timedelta  # a process without a sign of life for so long is gone
    noted: set[bytes] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def of(cls, database: Database[Document], name: str, silent: timedelta) -> "Processes":
        """The processes of a database, seen from one of this name."""
        return cls(database["processes"], name, silent)

    def note(self, session: ClientSession) -> None:
        """Write a session down, before its first transaction. The driver uses the same few sessions again and again."""
        session_id = bytes(session.session_id["id"])
        with self.lock:
            if session_id not in self.noted:
                added = {"$addToSet": {"sessions": session.session_id}, "$currentDate": {"seen_at": True}}
                self.collection.update_one({"_id": self.name}, added, upsert=True)
                self.noted.add(session_id)

    def end_predecessor(self) -> None:
        """End what a process of the same name has left behind. Call it once, before anything else."""
        self._end(self.collection.find({"_id": self.name}))

    def clock_set_back(self) -> timedelta:
        """How far the database's clock stands behind this process's last sign of life; not negative."""
        own = self.collection.find_one({"_id": self.name}, {"seen_at": 1})
        behind = own["seen_at"] - server_now(self.collection.database) if own else timedelta()
        return max(behind, timedelta())

    def heartbeat(self) -> None:
        """Write down that this process lives, and end what processes without a sign of life have left behind."""
        self.collection.update_one({"_id": self.name}, {"$currentDate": {"seen_at": True}})
        silent_since = server_now(self.collection.database) - self.silent
        self._end(self.collection.find({"seen_at": {"$lt": silent_since}}))

    def _end(self, gone: Iterable[Document]) -> None:
        for process in gone:
            self.collection.database.client.admin.command("killSessions", process["sessions"])
            self.collection.delete_one({"_id": process["_id"], "seen_at": process["seen_at"]})
            log.info("Ended the transactions of a process that is gone", process=process["_id"])
