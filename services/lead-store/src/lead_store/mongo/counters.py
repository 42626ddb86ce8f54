"""The collection `counters`: the statistics of an integration, moved in the transaction that they count."""

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


@dataclass(frozen=True, slots=True)
class Counters:
    """Reads and moves counters."""

    collection: Collection[Document]

    @classmethod
    def of(cls, database: Database[Document]) -> "Counters":
        """The counters of a database."""
        return cls(database["counters"])

    def add(self, integration_id: str, counts: Mapping[str, int], now: datetime, session: ClientSession) -> None:
        """Move counters on."""
        moved = {name: count for name, count in counts.items() if count}
        if deletions := moved.pop("deletions", 0):
            self._count_deletions(integration_id, deletions, now, session)
        if clearings := clearings_in(moved):
            self._count_clearings(integration_id, clearings, now, session)
        moved = {name: count for name, count in moved.items() if name not in counted(clearings)}
        if moved:
            self.collection.update_one({"_id": integration_id}, {"$inc": moved}, upsert=True, session=session)

    def linked_and_deleted(self, integration_id: str, now: datetime, session: ClientSession | None) -> tuple[int, int]:
        """Number of leads whose link is in use, and of deletions followed in this hour."""
        counted = self.collection.find_one({"_id": integration_id}, session=session) or {}
        hour = counted.get("deletions", {})
        return counted.get("linked", 0), int(hour["count"]) if hour.get("hour") == _hour(now) else 0

    def _count_deletions(self, integration_id: str, count: int, now: datetime, session: ClientSession) -> None:
        same_hour = {"$eq": ["$deletions.hour", _hour(now)]}
        total = {"$cond": [same_hour, {"$add": ["$deletions.count", count]}, count]}
        update = [{"$set": {"deletions": {"hour": _hour(now), "count": total}}}]
        self.collection.update_one({"_id": integration_id}, update, upsert=True, session=session)

    def linked_and_cleared(
        self, integration_id: str, now: datetime, session: ClientSession | None
    ) -> tuple[int, dict[str, int]]:
        """Number of leads whose link is in use, and how often each field was cleared in this hour."""
        documents = self.collection.find({"_id": {"$in": [integration_id, _cleared(integration_id)]}}, session=session)
        found = {document["_id"]: document for document in documents}
        hour = found.get(_cleared(integration_id), {})
        cleared = decode_keys(hour["fields"]) if hour.get("hour") == _hour(now) else {}
        return found.get(integration_id, {}).get("linked", 0), {name: int(count) for name, count in cleared.items()}

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
        names = [integration_id, _received(integration_id)]
        counted: Document = {}
        for document in self.collection.find({"_id": {"$in": names}}):
            counted |= document
        return counted


def _received(integration_id: str) -> str:
    """Arrivals have a document of their own: on one document routing and deciding would keep each other from it."""
    return f"{integration_id}/received"


def _cleared(integration_id: str) -> str:
    return f"{integration_id}/cleared"


def _hour(now: datetime) -> str:
    return f"{now:%Y-%m-%d %H}"
