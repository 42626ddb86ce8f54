"""A lead-store process that can die, or be held up, at any command that it sends to the database."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Self

from lead_store.mongo.client import Document
from lead_store.mongo.store import Store
from lead_store.usecases.applying import Apply
from lead_store.usecases.arrivals import Arrivals
from lead_store.usecases.inbox import Inbox
from lead_store.usecases.leads import Leads
from lead_store.usecases.lease import LeaseWork
from lead_store.usecases.router import Router
from lead_store.usecases.work import Work
from lead_store.usecases.work_signal import WorkSignal
from pymongo import MongoClient
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

KEY = b"k" * 32
PLATFORM = "jazzaam"


class Died(BaseException):
    """The process is gone. No `except Exception` of the code under test, nor of pymongo, may catch it."""


class Wire(CommandListener):
    """Counts the commands of one process, and what else it does to the outside; at one of them something happens.

    Dying at command n leaves what a crash after command n - 1 leaves: nothing is sent any more.
    """

    def __init__(self, commits: list[tuple[str, int]], at: int = -1, then: Callable[[], None] | None = None) -> None:
        """`commits` gets (work item, fence) of every transaction that commits. `then` happens before step `at`.

        Without it the process dies there.
        """
        self.names: list[str] = []
        self._commits = commits
        self.sessions: list[Document] = []
        self._at, self._then = at, then
        self._dead = False
        self._guarded: list[tuple[str, int]] = []

    @property
    def dead(self) -> bool:
        """Whether the process has died."""
        return self._dead

    def step(self, name: str) -> None:
        """Do one more thing that others can see."""
        if self._dead:
            raise Died
        if len(self.names) == self._at:
            if self._then is None:
                self._dead = True
                raise Died
            self._then()
        self.names.append(name)

    def started(self, event: CommandStartedEvent) -> None:
        """A command is about to be sent."""
        self.step(f"{event.command_name} {event.command.get(event.command_name, '')}")
        if (session := event.command.get("lsid")) and session not in self.sessions:
            self.sessions.append(session)
        if (
            event.command_name == "update"
            and event.command["update"] == "work_items"
            and event.command.get("autocommit") is False
        ):
            fences = ((one["q"].get("_id"), one["q"].get("fence")) for one in event.command["updates"])
            self._guarded += [(work_item, fence) for work_item, fence in fences if fence is not None]

    def succeeded(self, event: CommandSucceededEvent) -> None:
        """A command has been answered."""
        if event.command_name == "commitTransaction":
            self._commits += self._guarded
        if event.command_name in {"commitTransaction", "abortTransaction"}:
            self._guarded = []

    def failed(self, event: CommandFailedEvent) -> None:
        """A command was refused."""
        if event.command_name in {"commitTransaction", "abortTransaction"}:
            self._guarded = []


class Process:
    """The use cases of one lead-store process, on a connection of its own."""

    def __init__(self, url: str, database: str, worker_id: str, lease: timedelta, wire: Wire) -> None:
        self.wire, self.worker_id = wire, worker_id
        self._client: MongoClient[Document] = MongoClient(
            url, tz_aware=True, event_listeners=[wire], serverSelectionTimeoutMS=5_000, socketTimeoutMS=20_000
        )
        self.store = Store.of(self._client, database, KEY)
        self.signal = signal = WorkSignal(self.store.targets.note_news)
        self.inbox = Inbox(self.store, Arrivals(), self.store.now)
        self.router = Router(self.store, signal, Arrivals())
        self.leads = Leads(self.store, signal, PLATFORM)
        self.lease = LeaseWork(self.store, signal, Apply(self.store), lease, timedelta(seconds=0.5))
        self.work = Work(self.store, signal, PLATFORM)

    @contextmanager
    def open(self) -> Iterator[Self]:
        """Close its connections afterwards as the kernel does for a process that is gone: without a farewell."""
        try:
            yield self
        finally:
            self._client._topology.pop_all_sessions()
            self._client.close()
