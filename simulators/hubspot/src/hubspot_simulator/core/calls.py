"""Counts of calls and writes, for tests."""

from collections import Counter, deque
from dataclasses import asdict, dataclass
from typing import Any

from hubspot_simulator.core.changes import Change

KEPT = 2_000


@dataclass(frozen=True, slots=True)
class CallEntry:
    """One API call. `route` is the v3 spelling of the path with its parameters named."""

    at_ms: int
    method: str
    path: str
    route: str
    status: int | None
    app_id: int | None
    portal_id: int | None
    duration_ms: float
    inputs: int | None = None
    history: bool = False
    """Whether the history of properties was asked for."""


class CallLog:
    """The last calls in full, and counts of all of them since the last reset."""

    def __init__(self) -> None:
        self._entries: deque[CallEntry] = deque(maxlen=KEPT)
        self._counts: Counter[str] = Counter()
        self._statuses: Counter[str] = Counter()

    def note(self, entry: CallEntry) -> None:
        """Count one call."""
        self._entries.append(entry)
        self._counts[f"{entry.method} {entry.route}"] += 1
        self._statuses["dropped" if entry.status is None else str(entry.status)] += 1

    def to_json(self) -> dict[str, Any]:
        """Counts and entries."""
        return {
            "total": sum(self._counts.values()),
            "counts": dict(self._counts),
            "statuses": dict(self._statuses),
            "log": [asdict(entry) for entry in self._entries],
        }


class WriteLog:
    """Effective writes by apps and by people, and writes by apps that changed nothing."""

    def __init__(self) -> None:
        self.by_app: Counter[str] = Counter()
        self.by_token: Counter[str] = Counter()
        self.by_contact: Counter[str] = Counter()
        self.by_kind: Counter[str] = Counter()
        self.by_people = 0
        self.without_effect = 0

    def note(self, change: Change) -> None:
        """Count one write. `by_contact` and `by_kind` count the writes of apps only."""
        if not change.author.is_app:
            self.by_people += change.effective
            return
        if not change.effective:
            self.without_effect += 1
            return
        self.by_app[change.author.source_id or ""] += 1
        self.by_token[change.author.token or ""] += 1
        self.by_contact[str(change.contact.id)] += 1
        self.by_kind[change.kind] += 1

    def to_json(self) -> dict[str, Any]:
        """All counts."""
        return {
            "total": sum(self.by_app.values()),
            "by_app": dict(self.by_app),
            "by_token": dict(self.by_token),
            "by_contact": dict(self.by_contact),
            "by_kind": dict(self.by_kind),
            "by_people": self.by_people,
            "without_effect": self.without_effect,
        }
