"""The collection `processes`: which sessions are whose, so that the transactions of a process that died can be ended.

A transaction outlives its process. Until the server gives it up, after a minute, the work items that it has changed
can neither be claimed nor touched; the embedded server even waits for another transaction to come along. So each
process writes down the sessions of its transactions, and every few seconds that it lives. Its successor ends these
sessions, and so does any process that sees no sign of life from it. A process that was only slow loses what it was
about to commit, and tries again.

While the database is away nobody can give a sign. So a process that could not do so itself ends nobody else's sessions
until all have had their time again.
"""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta

import structlog
from bson.binary import UUID_SUBTYPE, Binary
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database

from lead_store.mongo.client import Document, server_now
from lead_store.mongo.data_version import PRESENT, note_writer
from lead_store.mongo.single_writes import limited

log = structlog.get_logger()


@dataclass(slots=True)
class Processes:
    """One process among all that work on a database. `name` is the same for a process and its successor."""

    collection: Collection[Document]
    name: str
    silent: timedelta  # a process without a sign of life for so long is gone
    steady: Callable[[], float] = time.monotonic
    noted: set[bytes] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)
    beat_at: float | None = None  # when the last sign was given, by `steady`
    patient_until: float = 0.0  # nobody is ended before, by `steady`

    @classmethod
    def of(cls, database: Database[Document], name: str, silent: timedelta) -> "Processes":
        """The processes of a database, seen from one of this name."""
        return cls(database["processes"], name, silent)

    def note(self, session: ClientSession) -> None:
        """Write a session down, before its first transaction. The driver uses the same few sessions again and again."""
        session_id = bytes(session.session_id["id"])
        with self.lock:
            if session_id in self.noted:
                return
            self.noted.add(session_id)
        try:
            self._write([session_id])
        except BaseException:
            with self.lock:
                self.noted.discard(session_id)
            raise

    @limited
    def end_predecessor(self) -> None:
        """End what a process of the same name has left behind. Call it once, before anything else."""
        self._end(self.collection.find({"_id": self.name}))

    def clock_set_back(self) -> timedelta:
        """How far the database's clock stands behind this process's last sign of life; not negative."""
        own = self.collection.find_one({"_id": self.name}, {"seen_at": 1})
        behind = own["seen_at"] - server_now(self.collection.database) if own else timedelta()
        return max(behind, timedelta())

    @limited
    def heartbeat(self) -> None:
        """Write down that this process lives, and end what processes without a sign of life have left behind.

        A process that was taken for gone registers again.
        """
        sign = {"$currentDate": {"seen_at": True}, "$set": {"version": PRESENT}}
        own = self.collection.update_one({"_id": self.name}, sign)
        with self.lock:
            sessions = list(self.noted)
        if not own.matched_count and sessions:
            self._write(sessions)
        now, silent = self.steady(), self.silent.total_seconds()
        if self.beat_at is not None and now - self.beat_at > silent / 2:
            self.patient_until = now + silent
        self.beat_at = now
        if now >= self.patient_until:
            silent_since = server_now(self.collection.database) - self.silent
            self._end(self.collection.find({"_id": {"$ne": self.name}, "seen_at": {"$lt": silent_since}}))

    @limited
    def _write(self, sessions: list[bytes]) -> None:
        ids = [{"id": Binary(session_id, UUID_SUBTYPE)} for session_id in sessions]
        added = {
            "$addToSet": {"sessions": {"$each": ids}},
            "$currentDate": {"seen_at": True},
            "$set": {"version": PRESENT},
        }
        self.collection.update_one({"_id": self.name}, added, upsert=True)

    def _end(self, gone: Iterable[Document]) -> None:
        for process in gone:
            self.collection.database.client.admin.command("killSessions", process["sessions"])
            note_writer(self.collection.database, process)
            self.collection.delete_one({"_id": process["_id"], "seen_at": process["seen_at"]})
            log.info("Ended the transactions of a process that is gone", process=process["_id"])
