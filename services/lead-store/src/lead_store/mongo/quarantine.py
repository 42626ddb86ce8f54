"""The collection `quarantine`: webhook requests that could not be verified. No transaction ever changes it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import zstandard
from pymongo.collection import Collection
from pymongo.database import Database

from lead_store.domain.quarantine import QuarantineCount, QuarantinedRequest
from lead_store.mongo.client import Document
from lead_store.mongo.inserts import insert_new
from lead_store.mongo.single_writes import limited

READ_AT_ONCE = 10  # a body may have megabytes


@dataclass(frozen=True, slots=True)
class QuarantinedRequests:
    """Reads and writes quarantined requests; each is kept for so long."""

    database: Database[Document]
    collection: Collection[Document]
    retention: timedelta

    @classmethod
    def of(cls, database: Database[Document], retention: timedelta) -> "QuarantinedRequests":
        """The quarantine of a database."""
        return cls(database, database["quarantine"], retention)

    def insert(self, requests: Iterable[QuarantinedRequest], now: datetime) -> None:
        """Keep requests; one that is there already stays as it is."""
        documents = [{**_document(request), "expires_at": now + self.retention} for request in requests]
        insert_new(self.collection, documents)

    def usage(self) -> tuple[int, int]:
        """Number of requests, and the bytes that they take up."""
        stats = self.database.command("collStats", self.collection.name)
        return stats["count"], stats["size"]

    def after(self, place: str, provider: str) -> Iterator[tuple[str, QuarantinedRequest]]:
        """Requests behind a place, oldest first, each with its own place; of one provider, or of all."""
        query: Document = {"place": {"$gt": place}}
        if provider:
            query["provider"] = provider
        with self.collection.find(query, batch_size=READ_AT_ONCE).sort("place", 1) as found:
            for document in found:
                yield document["place"], _request(document)

    @limited
    def forget(self, keys: list[str]) -> None:
        """Delete requests; repeating it changes nothing."""
        self.collection.delete_many({"_id": {"$in": keys}})

    def counts(self) -> list[QuarantineCount]:
        """Numbers by provider and reason."""
        groups: dict[tuple[str, str], list[datetime]] = defaultdict(list)
        for document in self.collection.find({}, {"_id": 0, "provider": 1, "reason": 1, "received_at": 1}):
            groups[document["provider"], document["reason"]].append(document["received_at"])
        return [QuarantineCount(*group, len(times), min(times)) for group, times in sorted(groups.items())]


def _document(request: QuarantinedRequest) -> Document:
    return {
        "_id": request.key,
        "place": f"{int(request.received_at.timestamp() * 1000):015} {request.key}",
        "provider": request.provider,
        "target": request.target,
        "body": zstandard.compress(request.body, 3),
        "headers": dict(request.headers),
        "reason": request.reason,
        "received_at": request.received_at,
    }


def _request(document: Document) -> QuarantinedRequest:
    return QuarantinedRequest(
        key=document["_id"],
        provider=document["provider"],
        target=document["target"],
        body=zstandard.decompress(document["body"]),
        headers=document["headers"],
        reason=document["reason"],
        received_at=document["received_at"],
    )
