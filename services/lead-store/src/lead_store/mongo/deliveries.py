"""The collection `deliveries`: the inbox. A delivery is written once; afterwards only its state moves."""

from collections.abc import Collection as Some
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import zstandard
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database

from lead_store.domain.delivery import Delivery, Touch, without_records
from lead_store.domain.rules import Account, Target
from lead_store.mongo.client import Document
from lead_store.mongo.delivery_documents import (
    FILED,
    LEVEL,
    delivery_of,
    document_of,
    pack,
    records_of,
    route_key,
    routes_of,
    touches_of,
    unpack,
)
from lead_store.mongo.inserts import insert_new
from lead_store.mongo.single_writes import limited, update_each, when

# The condition on the key lets MongoDB use the partial index on it.
UNROUTED: Document = {"route_key": {"$gt": ""}, "state": "new"}


@dataclass(frozen=True, slots=True)
class Deliveries:
    """Keeps deliveries and moves their state; people read them as `ShownDeliveries`."""

    collection: Collection[Document]
    retention: timedelta

    @classmethod
    def of(cls, database: Database[Document], retention: timedelta) -> "Deliveries":
        """The deliveries of a database; each is kept for so long."""
        return cls(database["deliveries"], retention)

    def insert(self, deliveries: list[Delivery], now: datetime) -> set[int]:
        """Keep deliveries durably; answers the positions of those that had been kept before.

        Raises an error of the database unless a majority of its members has all of them.
        """
        compress = zstandard.ZstdCompressor(LEVEL).compress
        expires_at = now + self.retention
        documents = [document_of(delivery, now, expires_at, compress(delivery.events)) for delivery in deliveries]
        return insert_new(self.collection, documents)

    def unrouted_spans(self) -> dict[Account, tuple[datetime, datetime]]:
        """The accounts of deliveries that are not routed yet, and when the first and the last were recorded."""
        ends = {"first": {"$min": "$recorded_at"}, "last": {"$max": "$recorded_at"}}
        account = {"provider": "$provider", "account_id": "$account_id"}
        found = self.collection.aggregate([{"$match": UNROUTED}, {"$group": {"_id": account, **ends}}])
        return {Account(**span["_id"]): (span["first"], span["last"]) for span in found}

    def unrouted(self, account: Account, until: datetime, most: int) -> list[Delivery]:
        """An account's deliveries, recorded until then, whose touches have not all become work; the oldest first."""
        # One field of the index and one range: the embedded server scans where there are more.
        query = {"route_key": {"$gte": routes_of(account)["$gte"], "$lte": route_key(account, until)}, "state": "new"}
        found = self.collection.find(query, {"events": 0}).sort("route_key", 1).limit(most)
        return [delivery_of(document) for document in found]

    def still_new(self, keys: list[str], session: ClientSession) -> set[str]:
        """Which of these are not routed yet."""
        found = self.collection.find({"_id": {"$in": keys}, "state": "new"}, {"_id": 1}, session=session)
        return {document["_id"] for document in found}

    def mark(
        self,
        keys: Iterable[str],
        state: str,
        *,
        target: Target | None = None,
        reason: str = "",
        session: ClientSession | None = None,
    ) -> None:
        """Move new deliveries to a state: `routed`, `unroutable`, or `ignored` for a reason; and index them by record.

        They are indexed only now, when no CRM waits: an entry per record would double the time that recording takes.
        """
        values = {"state": state, "reason": reason, "tenant_id": "", "integration_id": ""}
        if target is not None:
            values |= {"tenant_id": target.tenant_id, "integration_id": target.integration_id}
        update = {name: {"$literal": value} for name, value in values.items()} | {"record_ids": FILED}
        query = {"_id": {"$in": list(keys)}, "state": "new"}
        if session is None:
            update_each(self.collection, query, when({"$eq": ["$state", "new"]}, update))
        else:
            self.collection.update_many(query, [{"$set": update}], session=session)

    def remove_events(self, account: Account, erased: Some[str]) -> None:
        """Remove the events about erased records from an account's deliveries (R17). Repeating it changes nothing.

        No integration need be connected to the account any more.
        """
        for _ in self.removing_events(account, erased):
            pass

    def removing_events(self, account: Account, erased: Some[str]) -> Iterator[tuple[Touch, ...]]:
        """Do so, delivery by delivery as they are asked for; gives the touches of each if it is about these records."""
        for document in self._about(account, erased):
            if document is None:
                yield ()
                continue
            left: Document | None = document
            while left is not None and not self._without(left, erased):  # another erasure has changed it meanwhile
                left = self.collection.find_one({"_id": document["_id"]}, {"event_record_ids": 1})
            yield touches_of(document)

    @limited
    def _without(self, document: Document, erased: Some[str]) -> bool:
        """Remove the events about these records; False if the delivery does not name the records any more."""
        named = unpack(document["event_record_ids"])
        if named and not set(named).intersection(erased):
            return True
        here = {"_id": document["_id"], "event_record_ids": document["event_record_ids"]}
        whole = self.collection.find_one(here, {"events": 1})
        if whole is None:
            return False
        left = without_records(zstandard.decompress(whole["events"]), named, erased)
        kept = [record for record in named if record not in erased]
        update = {"events": zstandard.compress(left, LEVEL), "event_record_ids": pack(kept)}
        return self.collection.update_one(here, {"$set": update}).matched_count == 1

    def _about(self, account: Account, records: Some[str]) -> Iterator[Document | None]:
        """What an account's deliveries about any of these records are about, indexed already or not; None for others.

        Those that wait for routing come first: what is routed meanwhile is found by its index then.
        """
        fields = {"about": 1, "event_record_ids": 1, "touches": 1}
        with self.collection.find({"route_key": routes_of(account), "state": "new"}, fields) as waiting:
            yield from (None if records_of(document).isdisjoint(records) else document for document in waiting)
        about = {"record_ids": {"$in": list(records)}, "provider": account.provider, "account_id": account.account_id}
        with self.collection.find(about, fields) as filed:
            yield from filed

    def count(self, state: str) -> int:
        """Number of deliveries in a state."""
        # The condition on the provider lets MongoDB use the partial index of unroutable ones.
        return self.collection.count_documents({"provider": {"$gt": ""}, "state": state})

    def reopen(self, provider: str, account_id: str) -> int:
        """Make unroutable deliveries of an account new again, since a target for it appeared."""
        query = {"provider": provider, "account_id": account_id, "state": "unroutable"}
        return update_each(self.collection, query, when({"$eq": ["$state", "unroutable"]}, {"state": "new"}))
