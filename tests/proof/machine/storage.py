"""In front of MongoDB: the world's clock in place of the server's, and faults at any call.

Stands where a `MongoClient` is handed in. Everything else is the real driver and the real server.
"""

import copy
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from proof.machine.faults import Faults, Kind, Process, Site
from pymongo import MongoClient
from pymongo.errors import AutoReconnect


class Edge:
    """All calls of one process to its database."""

    def __init__(self, site: Site, process: Process, faults: Faults) -> None:
        self.site, self.process, self.faults = site, process, faults

    def call(self, name: str, do: Callable[[], Any], *, transacting: bool = False) -> Any:
        """Carry one call out, or let it fail as a driver does."""
        self.process.check()
        fault = self.faults.due(self.site)
        if fault is not None and fault.kind is Kind.LOST_BEFORE:
            raise _cut(name, transacting=transacting)
        answer = self.faults.around(fault, self.process, do)
        if fault is not None and fault.kind is Kind.LOST_AFTER:
            raise _cut(name, transacting=transacting)
        return answer

    def now(self) -> datetime:
        """What the server's clock says."""
        return self.faults.clock.now()


class Client:
    """Stands for a client."""

    def __init__(self, real: MongoClient[dict[str, Any]], edge: Edge) -> None:
        self._real, self._edge = real, edge

    def get_database(self, name: str, **options: Any) -> "Database":
        """A database."""
        return Database(self._real.get_database(name, **options), self._edge)

    def __getitem__(self, name: str) -> "Database":
        return self.get_database(name)

    def start_session(self) -> "Session":
        """A session."""
        self._edge.process.check()
        return Session(self._real.start_session(), self._edge)


class Database:
    """Stands for a database; its clock is the world's."""

    def __init__(self, real: Any, edge: Edge) -> None:
        self._real, self._edge = real, edge

    def __getitem__(self, name: str) -> "Collection":
        return Collection(self._real[name], self._edge)

    def __getattr__(self, name: str) -> "Collection":
        return self[name]

    def command(self, name: str) -> dict[str, Any]:
        """Only what the stores ask: the time."""
        assert name == "hello"
        self._edge.process.check()
        return {"localTime": self._edge.now()}


class Session:
    """Stands for a session: the commit is a call like any other."""

    def __init__(self, real: Any, edge: Edge) -> None:
        self.real, self._edge = real, edge

    def __enter__(self) -> "Session":
        self.real.__enter__()
        return self

    def __exit__(self, *gone: object) -> None:
        self.real.__exit__(*gone)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def start_transaction(self, *options: Any) -> Any:
        """As the real one; a transaction whose process has died is aborted, as the server would."""
        return self.real.start_transaction(*options)

    def commit_transaction(self) -> None:
        """Commit, if nothing gets in between."""
        self._edge.call("commit", self.real.commit_transaction)


class Collection:
    """Stands for a collection: any method of the real one, at the world's time."""

    def __init__(self, real: Any, edge: Edge) -> None:
        self._real, self._edge = real, edge

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._real, name)

        def call(*args: Any, **options: Any) -> Any:
            session = options.get("session")
            if session is not None:
                options["session"] = session.real
            now = self._edge.now()
            args = tuple(_at(one, now) for one in args)
            transacting = session is not None
            if name in {"find", "aggregate"}:
                return Found(method(*args, **options), self._edge, transacting=transacting)
            return self._edge.call(name, lambda: method(*args, **options), transacting=transacting)

        return call


class Found:
    """A cursor that is read in one call."""

    def __init__(self, cursor: Any, edge: Edge, *, transacting: bool) -> None:
        self._cursor, self._edge, self._transacting = cursor, edge, transacting

    def __getattr__(self, name: str) -> Callable[..., "Found"]:
        def chained(*args: Any) -> Found:
            self._cursor = getattr(self._cursor, name)(*args)
            return self

        return chained

    def __enter__(self) -> "Found":
        return self

    def __exit__(self, *gone: object) -> None:
        self._cursor.close()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._edge.call("find", lambda: list(self._cursor), transacting=self._transacting))


def _cut(name: str, *, transacting: bool) -> AutoReconnect:
    """The connection broke, with the label that the driver gives it then."""
    error = AutoReconnect(f"the connection broke at {name}")
    if name == "commit":
        error._add_error_label("UnknownTransactionCommitResult")
    elif transacting:
        error._add_error_label("TransientTransactionError")
    return error


def _at(value: Any, now: datetime) -> Any:
    """The same query or update with the world's time in place of the server's."""
    if value == "$$NOW":
        return now
    if isinstance(value, dict):
        return {name: _at(one, now) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_at(one, now) for one in value]
    if hasattr(value, "_filter"):  # UpdateOne, DeleteOne
        value = copy.copy(value)
        value._filter = _at(value._filter, now)
        if hasattr(value, "_doc"):
            value._doc = _at(value._doc, now)
    return value
