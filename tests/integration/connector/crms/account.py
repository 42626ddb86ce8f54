"""An account of a CRM in memory: its records, what happens to them, and what it has been asked."""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from crm_connector.bootstrap import now
from crm_connector.domain.delivery import TouchKind


@dataclass(frozen=True)
class Version:
    """One value that a property had."""

    value: str
    at: datetime
    ours: bool


@dataclass
class Record:
    """One record, with the versions of its properties, newest first."""

    record_id: str
    values: dict[str, str]
    modified_at: datetime
    versions: dict[str, list[Version]] = field(default_factory=dict)
    archived: bool = False
    merged_into: str = ""
    stamp: str = ""


@dataclass(frozen=True)
class Event:
    """What the account reports on its stream."""

    number: int
    record_id: str
    kind: TouchKind


@dataclass
class Account:
    """The account. `faults` may hold `lose_answer`, of which each lets one write land without an answer."""

    clock: Callable[[], datetime] = now
    records: dict[str, Record] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    forgotten: int = 0  # events before this number are no longer kept
    calls: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    before_write: Callable[[], object] = lambda: None
    stream_fails: bool = False
    subscription_end: datetime | None = None
    subscription_fails: bool = False
    _ids: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def create(self, values: Mapping[str, str], *, ours: bool = False, stamp: str = "") -> str:
        """Make a record."""
        record_id = f"r{next(self._ids)}"
        self.records[record_id] = Record(record_id, {}, self.clock())
        self._set(record_id, values, ours=ours, stamp=stamp)
        self._report(record_id, TouchKind.CREATED)
        return record_id

    def edit(self, record_id: str, values: Mapping[str, str], *, ours: bool = False, stamp: str = "") -> None:
        """Change a record, as a person or as a write of ours."""
        self._set(record_id, values, ours=ours, stamp=stamp)
        self._report(record_id, TouchKind.CHANGED)

    def archive(self, record_id: str) -> None:
        """Archive a record."""
        record = self.records[record_id]
        self.records[record_id] = replace(record, archived=True, modified_at=self.clock())
        self._report(record_id, TouchKind.DELETED)

    def called(self, name: str) -> None:
        """Note a call."""
        self.calls.append(name)

    def _set(self, record_id: str, values: Mapping[str, str], *, ours: bool, stamp: str) -> None:
        record = self.records[record_id]
        record.modified_at = self.clock()
        record.stamp = stamp or record.stamp
        for name, value in values.items():
            record.values[name] = value
            record.versions.setdefault(name, []).insert(0, Version(value, record.modified_at, ours))

    def _report(self, record_id: str, kind: TouchKind) -> None:
        self.events.append(Event(len(self.events) + 1, record_id, kind))
