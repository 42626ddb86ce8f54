"""The collection `work_items`, as people and runs look at it: lists, numbers, and whole integrations or leads."""

from collections.abc import Callable, Iterable
from collections.abc import Collection as Some
from dataclasses import dataclass
from datetime import datetime

from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database

from lead_store.domain.work_item import WorkItem, work_item_id
from lead_store.mongo.client import Document
from lead_store.mongo.single_writes import delete_each, update_each, when
from lead_store.mongo.work_item_documents import work_item_from
from lead_store.mongo.work_item_updates import dropped, passed
from lead_store.mongo.work_keys import WORK_KEYS, due_or_leased, failed, of_run, waiting_for_choice

IS_DUE: Document = {"due_at": {"$type": "date"}}  # or leased
HAS_FAILED: Document = {"failed_at": {"$type": "date"}}


@dataclass(frozen=True, slots=True)
class WorkLists:
    """Reads work items in bulk, and drops them."""

    collection: Collection[Document]

    @classmethod
    def of(cls, database: Database[Document]) -> "WorkLists":
        """The work items of a database."""
        return cls(database["work_items"])

    def page(
        self, tenant_id: str, integration_ids: Some[str], state: str, now: datetime, after: str, limit: int
    ) -> list[WorkItem]:
        """Work items of a state (`due`, `leased` or `failed`; empty = any of these) of some integrations, by id."""
        states: dict[str, Callable[[str], list[Document]]] = {
            "due": lambda one: [{**due_or_leased(one), **IS_DUE, "lease_until": {"$lte": now}}],
            "leased": lambda one: [{**due_or_leased(one), "lease_until": {"$gt": now}}],
            "failed": lambda one: [failed(one)],
            "": lambda one: [due_or_leased(one), failed(one)],
        }
        found: dict[str, WorkItem] = {}
        for query in (query for one in integration_ids for query in states[state](one)):
            some = self._by_id({**query, "tenant_id": tenant_id}, after, limit)
            found |= {work_item.work_item_id: work_item for work_item in some}
        return sorted(found.values(), key=lambda work_item: work_item.work_item_id)[:limit]

    def count_due(self, integration_id: str = "") -> int:
        """Number of work items that are due or leased, of one integration or of all."""
        return self.collection.count_documents(due_or_leased(integration_id))

    def count_failed(self, integration_id: str = "") -> int:
        """Number of work items that have failed, of one integration or of all."""
        return self.collection.count_documents(failed(integration_id))

    def oldest_due(self, integration_id: str = "") -> datetime | None:
        """Since when the longest waiting work item has been due, of one integration or of all."""
        work_item = self.collection.find_one(due_or_leased(integration_id), {"due_at": 1}, sort=[("due_at", 1)])
        return work_item["due_at"] if work_item else None

    def of_records(self, records: Iterable[tuple[str, str]]) -> dict[tuple[str, str], WorkItem]:
        """The work items of (integration id, record id) pairs, as far as there are any."""
        ids = [work_item_id(integration_id, record_id=record_id) for integration_id, record_id in records]
        work_items = map(work_item_from, self.collection.find({"_id": {"$in": ids}}))
        return {(work_item.integration_id, work_item.record_id): work_item for work_item in work_items}

    def waiting_for_choice(self, tenant_id: str, integration_id: str, after: str, limit: int) -> list[WorkItem]:
        """Failed work items of records that may belong to more than one lead, by id."""
        of_integration = {"integration_id": integration_id} if integration_id else {}
        return self._by_id({**waiting_for_choice(tenant_id), **HAS_FAILED, **of_integration}, after, limit)

    def failed(self, tenant_id: str, integration_id: str, reason: str, work_item_ids: list[str]) -> list[WorkItem]:
        """An integration's failed work items: all, those of a reason, or those among these."""
        query: Document = {"_id": {"$in": work_item_ids}, **HAS_FAILED} if work_item_ids else failed(integration_id)
        query |= {"tenant_id": tenant_id, "integration_id": integration_id}
        if reason:
            query["reason"] = reason
        return [work_item_from(document) for document in self.collection.find(query)]

    def count_of(self, integration_id: str) -> int:
        """Number of an integration's work items, idle ones included."""
        return self.collection.count_documents(_behind(integration_id, ""))

    def ids_of(self, integration_id: str, after: str, limit: int) -> list[str]:
        """Some ids of an integration's work items, idle ones included, in order."""
        found = self.collection.find(_behind(integration_id, after), {"_id": 1}).sort("_id", 1).limit(limit)
        return [document["_id"] for document in found]

    def run_work(self, integration_id: str, run_id: str) -> tuple[int, int]:
        """Number of a run's work items that are due or leased, and that have failed."""
        query = {**of_run(run_id), "integration_id": integration_id}
        work_items = list(self.collection.find(query, {"due_at": 1, "failed_at": 1}))
        due, failed = (sum(one.get(name) is not None for one in work_items) for name in ("due_at", "failed_at"))
        return due, failed

    def drop_run(self, tenant_id: str, integration_id: str, run_id: str, now: datetime) -> int:
        """Take back the work of a run that has not begun. An event on the record or an edit makes it due again.

        Work that had failed before the run has failed again.
        """
        own = {**of_run(run_id), "tenant_id": tenant_id, "integration_id": integration_id}
        query = {**own, **IS_DUE, "lease_until": {"$lte": now}, "written": {"$ne": True}}
        still = {"$and": [{"$eq": ["$run_id", {"$literal": run_id}]}, passed("lease_until")]}
        return update_each(self.collection, query, when(still, dropped(), WORK_KEYS))

    def end_waits(self, integration_id: str, reasons: Some[str], now: datetime) -> int:
        """Make work due at once that waits for one of these reasons, as at its first try; answers how much."""
        query = {**due_or_leased(integration_id), "due_at": {"$gt": now}, "lease_until": {"$lte": now}}
        waits = [{"$eq": [{"$type": "$due_at"}, "date"]}, {"$in": ["$reason", {"$literal": list(reasons)}]}]
        again: Document = {"due_at": "$$NOW", "attempts": 0, "first_failed_at": None}
        update = when({"$and": [*waits, passed("lease_until")]}, again, WORK_KEYS)
        return update_each(self.collection, {**query, "reason": {"$in": list(reasons)}}, update)

    def drop_integration(self, integration_id: str) -> None:
        """Forget all work items of an integration."""
        delete_each(self.collection, _behind(integration_id, ""))

    def drop_lead(self, tenant_id: str, lead_id: str, but: str, session: ClientSession) -> None:
        """Forget all work items of a lead but one."""
        query = {"lead_id": lead_id, "tenant_id": tenant_id, "_id": {"$ne": but}}
        self.collection.delete_many(query, session=session)

    def _by_id(self, query: Document, after: str, limit: int) -> list[WorkItem]:
        found = self.collection.find({**query, "_id": {"$gt": after}}).sort("_id", 1).limit(limit)
        return [work_item_from(document) for document in found]


def _behind(integration_id: str, after: str) -> Document:
    return {"_id": {"$gt": after or f"{integration_id}/", "$lt": f"{integration_id}0"}}  # "0" comes next to "/"
