"""The collection `counters`: the statistics of an integration, moved in the transaction that they count.

They are the sum of several documents, the slots, so that commits at the same time seldom meet on one. What is capped
stays in one document: there a commit has to see what another one has used of the hour.
"""

import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database

from lead_store.domain.clearing import clearings_in, counted
from lead_store.mongo.client import Document
from lead_store.mongo.names import decode_keys, encode_keys

SLOTS = 8  # documents per integration that commits count in


@dataclass(frozen=True, slots=True)
class Counters:
    """Reads and moves counters."""

    collection: Collection[Document]

    @classmethod
    def of(cls, database: Database[Document]) -> "Counters":
        """The counters of a database."""
        return cls(database["counters"])

    def add(
        self, integration_id: str, counts: Mapping[str, int], now: datetime, session: ClientSession, *, by: str
    ) -> None:
        """Move counters on. `by` names something that no other commit changes at the same time; it chooses the slot."""
        moved = {name: count for name, count in counts.items() if count}
        if deletions := moved.pop("deletions", 0):
            self._count_deletions(integration_id, deletions, now, session)
        if clearings := clearings_in(moved):
            self._count_clearings(integration_id, clearings, now, session)
        moved = {name: count for name, count in moved.items() if name not in counted(clearings)}
        if moved:
            query = {"_id": self.slot(integration_id, by)}
            self.collection.update_one(query, {"$inc": moved}, upsert=True, session=session)

    def slot(self, integration_id: str, by: str) -> str:
        """The document that a commit counts in."""
        return _slots(integration_id)[zlib.crc32(by.encode()) % SLOTS]

    def linked_and_deleted(self, integration_id: str, now: datetime, session: ClientSession | None) -> tuple[int, int]:
        """Number of leads whose link is in use, and of deletions followed in this hour."""
        found = self._found([integration_id, *_slots(integration_id)], session)
        hour = found.get(integration_id, {}).get("deletions", {})
        return _linked(found), int(hour["count"]) if hour.get("hour") == _hour(now) else 0

    def _count_deletions(self, integration_id: str, count: int, now: datetime, session: ClientSession) -> None:
        same_hour = {"$eq": ["$deletions.hour", _hour(now)]}
        total = {"$cond": [same_hour, {"$add": ["$deletions.count", count]}, count]}
        update = [{"$set": {"deletions": {"hour": _hour(now), "count": total}}}]
        self.collection.update_one({"_id": integration_id}, update, upsert=True, session=session)

    def linked_and_cleared(
        self, integration_id: str, now: datetime, session: ClientSession | None
    ) -> tuple[int, dict[str, int]]:
        """Number of leads whose link is in use, and how often each field was cleared in this hour."""
        cleared_id = _cleared(integration_id)
        found = self._found([integration_id, cleared_id, *_slots(integration_id)], session)
        hour = found.get(cleared_id, {})
        cleared = decode_keys(hour["fields"]) if hour.get("hour") == _hour(now) else {}
        return _linked(found), {name: int(count) for name, count in cleared.items()}

    def _count_clearings(
        self, integration_id: str, clearings: Mapping[str, int], now: datetime, session: ClientSession
    ) -> None:
        _, before = self.linked_and_cleared(integration_id, now, session)
        after = Counter(before)
        after.update(clearings)
        update = {"$set": {"hour": _hour(now), "fields": encode_keys(after)}}
        self.collection.update_one({"_id": _cleared(integration_id)}, update, upsert=True, session=session)

    def received(self, integration_id: str, events: int, at: datetime, session: ClientSession) -> None:
        """Count events that arrived."""
        update = {"$inc": {"total_received": events}, "$max": {"last_received_at": at}}
        self.collection.update_one({"_id": _received(integration_id)}, update, upsert=True, session=session)

    def get(self, integration_id: str) -> Document:
        """All counters of an integration; a missing one is 0."""
        total: Document = {}
        found = self._found([integration_id, _received(integration_id), *_slots(integration_id)], None)
        for name, value in (one for document in found.values() for one in document.items()):
            total[name] = total.get(name, 0) + value if isinstance(value, int) else value
        return total

    def _found(self, ids: list[str], session: ClientSession | None) -> dict[str, Document]:
        return {one.pop("_id"): one for one in self.collection.find({"_id": {"$in": ids}}, session=session)}


def _slots(integration_id: str) -> list[str]:
    """Beside them an integration has the document that earlier versions counted in, and still counts deletions in."""
    return [f"{integration_id}/{slot}" for slot in range(SLOTS)]


def _linked(found: Mapping[str, Document]) -> int:
    return sum(document.get("linked", 0) for document in found.values())


def _received(integration_id: str) -> str:
    """Arrivals have a document of their own: on one document routing and deciding would keep each other from it."""
    return f"{integration_id}/received"


def _cleared(integration_id: str) -> str:
    return f"{integration_id}/cleared"


def _hour(now: datetime) -> str:
    return f"{now:%Y-%m-%d %H}"
