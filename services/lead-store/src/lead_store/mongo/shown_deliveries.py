"""Deliveries as people look at them: those that are filed under their integration, and those that wait for routing.

A delivery that waits for routing has no tenant yet: it belongs to the tenant whose target has its account.
"""

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from pymongo.collection import Collection
from pymongo.database import Database

from lead_store.domain.delivery import DeliveryQuery, KeptDelivery
from lead_store.domain.rules import Account, Target
from lead_store.mongo.client import EPOCH, Document
from lead_store.mongo.delivery_documents import delivery_of, kept_of, records_of, routes_of
from lead_store.mongo.lists import READ_AT_ONCE, read_page
from lead_store.mongo.targets import Targets
from lead_store.mongo.tombstones import Tombstones

MOST_WAITING = 1_000  # of an account, the newest: a flood of them must not make the list of its tenant slow
NEWEST_FIRST = [("received_at", -1), ("_id", -1)]
Place = tuple[datetime, str]  # in a list in the order of time


@dataclass(frozen=True, slots=True)
class ShownDeliveries:
    """Reads a tenant's deliveries for people. Where no integration has the account, no tenant sees them."""

    collection: Collection[Document]
    targets: Targets
    tombstones: Tombstones

    @classmethod
    def of(cls, database: Database[Document], targets: Targets, tombstones: Tombstones) -> "ShownDeliveries":
        """The deliveries of a database; these targets say whose those are that wait."""
        return cls(database["deliveries"], targets, tombstones)

    def get(self, tenant_id: str, key: str) -> KeptDelivery | None:
        """A tenant's delivery, with its events."""
        # One read for both kinds: between two, a delivery that waits could be filed.
        query = DeliveryQuery(tenant_id)
        document = self.collection.find_one({"_id": key, "tenant_id": _its_or_nobodys(query)})
        return self._shown(document, self._accounts(query), query) if document else None

    def page(self, query: DeliveryQuery, before: Place | None, limit: int) -> Iterator[KeptDelivery]:
        """Deliveries that match, newest first, after the one that ended the page before; read as they are asked for.

        Of those that wait for routing, the newest `MOST_WAITING` of each account are looked at, and at once; of the
        others, `limit` at most are read.
        """
        # Those that wait come first, so one that is filed meanwhile is found at least once. It has the same place in
        # both, and is shown once.
        accounts = self._accounts(query) if query.state in {"", "new"} else {}
        waiting = self._read(sorted(self._waiting(accounts, query, before), reverse=True), accounts, query)
        filed = self._filed(query, before, limit) if query.state != "new" else iter(())
        merged = heapq.merge(filed, waiting, key=_place, reverse=True)
        return (next(same) for _, same in groupby(merged, _place))

    def _accounts(self, query: DeliveryQuery) -> dict[Account, Target]:
        targets = self.targets.of_tenant(query.tenant_id)
        return {one.account: one for one in targets if query.integration_id in {"", one.integration_id}}

    def _filed(self, query: DeliveryQuery, before: Place | None, limit: int) -> Iterator[KeptDelivery]:
        match: Document = {}
        if query.record_ids is not None:  # comes first: the embedded server looks for an index no further
            match["record_ids"] = {"$in": list(query.record_ids)}
        match["tenant_id"] = query.tenant_id
        if query.integration_id:
            match["integration_id"] = query.integration_id
        if query.state:
            match["state"] = query.state
        if limits := _limits(query):
            match["received_at"] = limits
        if before is not None:
            at, key = before
            match["$or"] = [{"received_at": {"$lt": at}}, {"received_at": at, "_id": {"$lt": key}}]
        return map(kept_of, read_page(self.collection.find(match).sort(NEWEST_FIRST), limit))

    def _waiting(self, accounts: Mapping[Account, Target], query: DeliveryQuery, before: Place | None) -> list[Place]:
        """Where the deliveries that wait and match stand in the list."""
        fields = {"received_at": 1} | ({"about": 1} if query.record_ids is not None else {})
        places: list[Place] = []
        for account in accounts:
            # One field of the index and one range: the embedded server scans where there are more.
            waiting = self.collection.find({"route_key": routes_of(account), "state": "new"}, fields)
            with waiting.sort("route_key", -1).limit(MOST_WAITING) as newest:
                matching = (one for one in newest if _matches(one, query))
                places += [(one["received_at"], one["_id"]) for one in matching]
        return [place for place in places if before is None or place < before]

    def _read(
        self, places: list[Place], accounts: Mapping[Account, Target], query: DeliveryQuery
    ) -> Iterator[KeptDelivery]:
        """Read those that waited a moment ago, some at a time, whatever became of them meanwhile."""
        for start in range(0, len(places), READ_AT_ONCE):
            keys = [key for _, key in places[start : start + READ_AT_ONCE]]
            match = {"_id": {"$in": keys}, "tenant_id": _its_or_nobodys(query)}
            for document in read_page(self.collection.find(match).sort(NEWEST_FIRST), READ_AT_ONCE):
                if shown := self._shown(document, accounts, query):
                    yield shown

    def _shown(
        self, document: Document, accounts: Mapping[Account, Target], query: DeliveryQuery
    ) -> KeptDelivery | None:
        """A delivery that was found by its key, if it waits for one of these targets, or is filed as is asked for."""
        if document["state"] != "new":
            return kept_of(document) if _is_filed(document, query) else None
        delivery = delivery_of(document)
        target = accounts.get(delivery.account)
        if target is None:
            return None
        # Routing has not removed their events yet.
        erased = self.tombstones.of_records(target.integration_id, delivery.record_ids)
        return KeptDelivery(delivery.without(erased), "new", "", target.integration_id)


def _place(kept: KeptDelivery) -> Place:
    return kept.delivery.received_at, kept.delivery.key


def _its_or_nobodys(query: DeliveryQuery) -> Document:
    """Its tenant, or none. The embedded server reads everything for an `$or` of tenant and state, even beside a key."""
    return {"$in": [query.tenant_id, "", None]}


def _is_filed(document: Document, query: DeliveryQuery) -> bool:
    asked = ("tenant_id", query.tenant_id), ("integration_id", query.integration_id), ("state", query.state)
    return all(value in {"", document[name]} for name, value in asked)


def _limits(query: DeliveryQuery) -> Document:
    """The received window. In a descending index the embedded server leaves out what equals the limit of a `$gte`."""
    limits: Document = {}
    if query.received_after is not None:
        limits["$gt"] = max(query.received_after, EPOCH) - timedelta(milliseconds=1)
    if query.received_before is not None:
        limits["$lt"] = query.received_before
    return limits


def _matches(document: Document, query: DeliveryQuery) -> bool:
    at = document["received_at"]
    return (
        (query.record_ids is None or not records_of(document).isdisjoint(query.record_ids))
        and (query.received_after is None or at >= query.received_after)
        and (query.received_before is None or at < query.received_before)
    )
