"""Finding work that can be handed out, the longest ready first, without reading all of a backlog.

The embedded server reads everything that a range holds, whatever the limit. So the range begins where the last search
ended, is about as long as what that one found, and grows until it holds enough. Everything before it is looked at as
well: there is little left there, such as what was committed late. Only speed depends on what a process remembers.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pymongo.collection import Collection
from pymongo.database import Database

from lead_store.mongo.client import EPOCH, Document
from lead_store.mongo.work_keys import milliseconds_of, ready_between, ready_since

SHORTEST, FIRST, GROWS = 50, 60_000, 4  # milliseconds; each range is so many times as long as the one before


@dataclass(slots=True)
class _Position:
    at: int  # nearly everything that became ready before has been handed out
    length: int = FIRST


@dataclass(frozen=True, slots=True)
class ReadyWork:
    """Searches of one process."""

    collection: Collection[Document]
    _positions: dict[tuple[str, bool], _Position] = field(default_factory=dict)

    @classmethod
    def of(cls, database: Database[Document]) -> "ReadyWork":
        """That of a database."""
        return cls(database["work_items"])

    def first(self, integration_id: str, now: datetime, ahead: timedelta, of_runs: bool) -> datetime | None:
        """When the first work of an integration is ready, live work or that of runs; it may be ready already.

        None if none is, nor will be within the time that it sees `ahead`.
        """
        found = self._search(integration_id, now, ahead, 1, of_runs)
        return EPOCH + timedelta(milliseconds=ready_since(found[0]["ready_key"])) if found else None

    def find(self, integration_id: str, now: datetime, limit: int, *, of_runs: bool) -> list[tuple[str, int]]:
        """Work items that look due and free, each with its unfinished claims: live ones, or those of runs."""
        found = self._search(integration_id, now, timedelta(), limit, of_runs)
        return [(one["_id"], one.get("claims", 0)) for one in found]

    def _search(
        self,
        integration_id: str,
        now: datetime,
        ahead: timedelta,
        limit: int,
        of_runs: bool,
    ) -> list[Document]:
        at, until, found, begin = milliseconds_of(now), milliseconds_of(now + ahead), list[Document](), 0
        last = self._positions.get((integration_id, of_runs), _Position(until))
        end, length = min(until, last.at + last.length), last.length
        while True:
            query = ready_between(integration_id, begin, end, of_runs=of_runs)
            wanted = self.collection.find(query, {"claims": 1, "ready_key": 1})
            found += wanted.sort("ready_key", 1).limit(limit - len(found))
            if len(found) == limit or end >= until:
                break
            length *= GROWS
            begin, end = end, min(until, end + length)
        is_full = len(found) == limit and ready_since(found[-1]["ready_key"]) <= at
        self._positions[integration_id, of_runs] = _after(found) if is_full else _Position(at)
        return found


def _after(found: list[Document]) -> _Position:
    """Where to go on: there, with a range as long as what was found took."""
    first, last = ready_since(found[0]["ready_key"]), ready_since(found[-1]["ready_key"])
    return _Position(last, max(SHORTEST, last - first))
