"""The collection `work_items`: touch, claim, finish. The database's clock decides who may hold a work item."""

from collections.abc import Collection as Some
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pymongo import UpdateOne
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database

from lead_store.domain.decision import Decision, LeaseEnd
from lead_store.domain.match import Candidate
from lead_store.domain.rules import MatchKey
from lead_store.domain.work_item import GIVE_UP_AFTER, Notes, WorkItem, WorkItemTouch, work_item_id
from lead_store.mongo.client import EPOCH, Document, from_now
from lead_store.mongo.one_by_one import delete_each, update_each, when
from lead_store.mongo.work_item_updates import (
    NOTES,
    dropped,
    finished,
    idle_work_item,
    joined,
    milliseconds,
    passed,
    touched,
)

CHUNK = 500


@dataclass(frozen=True, slots=True)
class WorkItems:
    """Reads and writes work items."""

    collection: Collection[Document]

    @classmethod
    def of(cls, database: Database[Document]) -> "WorkItems":
        """The work items of a database."""
        return cls(database["work_items"])

    def touch(self, touches: Iterable[WorkItemTouch], session: ClientSession | None = None) -> int:
        """Make work items due, new ones included; a work item that is leased becomes due again when its lease ends."""
        updates = [
            UpdateOne({"_id": touch.work_item_id}, [{"$set": touched(touch)}], upsert=True) for touch in joined(touches)
        ]
        for start in range(0, len(updates), CHUNK):
            self.collection.bulk_write(updates[start : start + CHUNK], ordered=False, session=session)
        return len(updates)

    def unknown(self, touches: list[WorkItemTouch], now: datetime) -> list[WorkItemTouch]:
        """Those of the touches that tell something new.

        All but to work items that wait for anybody's lease and know it.

        A work item that waits at `now` is read later than that, so it needs no further touch to show what has come by
        then.
        """
        query = {"_id": {"$in": [touch.work_item_id for touch in touches]}, "worker": "", "due_at": {"$lte": now}}
        names = ("failed_at", "run_id", "swept", "event_source", "created")
        waiting = {work_item["_id"]: work_item for work_item in self.collection.find(query, dict.fromkeys(names, 1))}
        return [touch for touch in touches if not _knows(waiting.get(touch.work_item_id), touch)]

    def ensure(self, work_items: Iterable[WorkItemTouch], now: datetime) -> None:
        """Make work items that are missing, idle ones."""
        updates = [
            UpdateOne({"_id": work_item.work_item_id}, {"$setOnInsert": idle_work_item(work_item, now)}, upsert=True)
            for work_item in work_items
        ]
        self.collection.bulk_write(updates, ordered=False)

    def next_due(self, now: datetime, integrations: list[str]) -> str | None:
        """Find the first of these integrations that has a due work item, by halves: most of many have none.

        `now` is only a hint, the claim asks the database. Work items of integrations that are gone are never looked at.
        """
        if not self._any_due(now, integrations):
            return None
        while len(integrations) > 1:
            half = integrations[: len(integrations) // 2]
            integrations = half if self._any_due(now, half) else integrations[len(half) :]
        return integrations[0]

    def _any_due(self, now: datetime, integrations: list[str]) -> bool:
        query = {"due_at": {"$lte": now}, "lease_until": {"$lte": now}, "integration_id": {"$in": integrations}}
        return self.collection.find_one(query, {"_id": 1}) is not None

    def due(self, integration_id: str, now: datetime, limit: int) -> list[tuple[str, int]]:
        """Work items that look due, and how often each was claimed in vain.

        Live work before that of runs, oldest first.
        """
        # The embedded server uses an index only if the query begins with it, and for `integration_id` no equality.
        query = {"due_at": {"$lte": now}, "lease_until": {"$lte": now}, "integration_id": {"$in": [integration_id]}}
        found: list[tuple[str, int]] = []
        for run in ("", {"$gt": ""}):
            if len(found) < limit:
                work_items = self.collection.find({**query, "run_id": run}, {"claims": 1}).sort("due_at", 1)
                found += [
                    (work_item["_id"], work_item.get("claims", 0)) for work_item in work_items.limit(limit - len(found))
                ]
        return found

    def give_up(self, work_item_ids: list[str], reason: str) -> None:
        """Let work items that nobody holds have failed."""
        failed: Document = {"failed_at": "$$NOW", "reason": {"$literal": reason}, "due_at": "$$REMOVE", "claims": 0}
        self.collection.bulk_write(
            [UpdateOne({"_id": work_item}, when(passed("lease_until"), failed)) for work_item in work_item_ids],
            ordered=False,
        )

    def claim(
        self,
        work_item_ids: list[str],
        worker_id: str,
        token: str,
        lease: timedelta,
        *,
        idle: bool = False,
        swept: bool = False,
    ) -> list[WorkItem]:
        """Lease those of the work items that are due by the database's clock, or idle. Each gets a new fence.

        `swept` = only a sweep asked for it, which stays so until it is decided or an event asks as well.
        """
        until = from_now(lease)
        may_lease = [passed("lease_until"), {"$ne" if idle else "$eq": [{"$type": "$due_at"}, "date"]}]
        if not idle:
            may_lease.append(passed("due_at"))
        claimed = {
            "fence": {"$add": ["$fence", 1]},
            "claim": {"$literal": token},
            "worker": {"$literal": worker_id},
            "claimed_version": "$version",
            "claims": {"$add": [{"$ifNull": ["$claims", 0]}, 1]},
            "claimed_at": "$$NOW",
            "lease_until": until,
            "due_at": until,
            "failed_at": None,
        }
        if idle:
            claimed["swept"] = {"$literal": swept}
        claims = [UpdateOne({"_id": work_item}, when({"$and": may_lease}, claimed)) for work_item in work_item_ids]
        if self.collection.bulk_write(claims, ordered=False).modified_count == 0:
            return []
        return [_work_item(document) for document in self.collection.find({"claim": token})]

    def held(
        self, work_item_ids: Some[str], worker_id: str, session: ClientSession | None = None
    ) -> dict[tuple[str, int], WorkItem]:
        """Work items leased to this worker, by id and fence."""
        query = {"_id": {"$in": list(work_item_ids)}, "worker": worker_id}
        work_items = map(_work_item, self.collection.find(query, session=session))
        return {(work_item.work_item_id, work_item.fence): work_item for work_item in work_items}

    def read_at(self, work_item_ids: Some[str]) -> dict[str, datetime | None]:
        """Newest modified-at of a full reading, by work item (R9)."""
        found = self.collection.find({"_id": {"$in": list(work_item_ids)}}, {"read_at": 1})
        return {work_item["_id"]: work_item.get("read_at") for work_item in found}

    def finish(self, ended: list[tuple[WorkItem, Decision]], session: ClientSession | None = None) -> bool:
        """End or hold leases as the decisions say, guarded by their fences; False if one was lost."""
        updates = [
            UpdateOne(
                {"_id": work_item.work_item_id, "fence": work_item.fence, "worker": work_item.worker},
                [{"$set": finished(decision)}],
            )
            for work_item, decision in ended
            if decision.end is not LeaseEnd.KEPT
        ]
        if not updates:
            return True
        return self.collection.bulk_write(updates, ordered=False, session=session).matched_count == len(updates)

    def disturb(self, decisions: Iterable[Decision], session: ClientSession) -> None:
        """Change other work items of the decided pairs: end their fences, take over their work."""
        updates: list[UpdateOne] = []
        for decision in decisions:
            out = {"$inc": {"fence": 1}, "$set": {"worker": "", "lease_until": EPOCH, "written": False}}
            updates += [UpdateOne({"_id": work_item}, out) for work_item in decision.ended_work_items]
            done = {"$unset": {"due_at": 1}}
            updates += [UpdateOne({"_id": work_item, "worker": ""}, done) for work_item in decision.idle_work_items]
            for failed_work_item, reason in decision.failed_work_items.items():
                failure = {"failed_at": "$$NOW", "reason": {"$literal": reason}, "due_at": "$$REMOVE"}
                # One that is held, perhaps for a write, ends as its holder says.
                updates.append(UpdateOne({"_id": failed_work_item, "worker": ""}, [{"$set": failure}]))
        if updates:
            self.collection.bulk_write(updates, session=session)

    def release(self, work_item: WorkItem, reason: str, wait: timedelta, *, counts: bool) -> None:
        """End a lease without a decision. An attempt that counts fails the work item after a day of them."""
        now = {"$toLong": "$$NOW"}
        first = {"$ifNull": ["$first_failed_at", "$$NOW"]} if counts else "$first_failed_at"
        given_up = {"$gt": [now, {"$add": [{"$toLong": first}, milliseconds(GIVE_UP_AFTER)]}]} if counts else False
        due_at = from_now(wait)
        update: Document = {
            "worker": "",
            "lease_until": EPOCH,
            "claims": 0,
            "reason": {"$literal": reason},
            "attempts": {"$add": ["$attempts", 1 if counts else 0]},
            "first_failed_at": first,
            "failed_at": {"$cond": [given_up, "$$NOW", None]},
            "due_at": {"$cond": [given_up, "$$REMOVE", due_at]},
        }
        self.collection.update_one(
            {"_id": work_item.work_item_id, "fence": work_item.fence, "worker": work_item.worker}, [{"$set": update}]
        )

    def fail(self, work_item: WorkItem, reason: str) -> None:
        """End a lease as failed: it waits for a person, or for the next event on its record."""
        update: Document = {"worker": "", "lease_until": EPOCH, "reason": {"$literal": reason}, "failed_at": "$$NOW"}
        update["claims"] = 0
        update["due_at"] = {"$cond": [{"$gt": ["$version", "$claimed_version"]}, "$$NOW", "$$REMOVE"]}
        self.collection.update_one(
            {"_id": work_item.work_item_id, "fence": work_item.fence, "worker": work_item.worker}, [{"$set": update}]
        )

    def failed(self, tenant_id: str, integration_id: str, reason: str, work_item_ids: list[str]) -> list[str]:
        """Ids of an integration's failed work items: all, those of a reason, or those among these."""
        query: Document = {"tenant_id": tenant_id, "integration_id": integration_id, "failed_at": {"$type": "date"}}
        if reason:
            query["reason"] = reason
        if work_item_ids:
            query["_id"] = {"$in": work_item_ids}
        return [work_item["_id"] for work_item in self.collection.find(query, {"_id": 1})]

    def redrive(self, work_item_ids: list[str], per_second: int = 0) -> int:
        """Make those of the work items that have failed due again: at once, or so many in a second."""
        failed: Document = {"$eq": [{"$type": "$failed_at"}, "date"]}
        again: Document = {"failed_at": None, "first_failed_at": None, "attempts": 0}
        again["approved"] = {"$eq": ["$reason", "delete_cap"]}
        again["version"] = {"$add": ["$version", 1]}
        changed = 0
        for start in range(0, len(work_item_ids), CHUNK):
            writes = []
            for place, work_item in enumerate(work_item_ids[start : start + CHUNK], start):
                later = timedelta(seconds=place / per_second if per_second else 0)
                due_at = from_now(later)
                writes.append(UpdateOne({"_id": work_item}, when(failed, {**again, "due_at": due_at})))
            changed += self.collection.bulk_write(writes, ordered=False).modified_count
        return changed

    def run_work(self, integration_id: str, run_id: str) -> tuple[int, int]:
        """Number of a run's work items that are due or leased, and that have failed."""
        found = self.collection.find(
            {"run_id": run_id, "integration_id": integration_id}, {"due_at": 1, "failed_at": 1}
        )
        work_items = list(found)
        failed = sum(work_item.get("failed_at") is not None for work_item in work_items)
        return sum(work_item.get("due_at") is not None for work_item in work_items), failed

    def drop_run(self, tenant_id: str, integration_id: str, run_id: str, now: datetime) -> int:
        """Let a run's work items that nobody has begun rest; an event on the record or an edit makes them due again.

        Those that had failed before have failed again.
        """
        own = {"tenant_id": tenant_id, "integration_id": integration_id, "run_id": run_id}
        query = {**own, "due_at": {"$type": "date"}, "lease_until": {"$lte": now}, "written": {"$ne": True}}
        still = {"$and": [{"$eq": ["$run_id", {"$literal": run_id}]}, passed("lease_until")]}
        return update_each(self.collection, query, when(still, dropped()))

    def of_records(self, records: Iterable[tuple[str, str]]) -> dict[tuple[str, str], WorkItem]:
        """The work items of (integration id, record id) pairs, as far as there are any."""
        ids = [work_item_id(integration_id, record_id=record_id) for integration_id, record_id in records]
        return {(work_item.integration_id, work_item.record_id): work_item for work_item in self.by_ids(ids).values()}

    def by_ids(self, work_item_ids: Some[str], session: ClientSession | None = None) -> dict[str, WorkItem]:
        """Work items by id, as far as there are any."""
        work_items = map(_work_item, self.collection.find({"_id": {"$in": list(work_item_ids)}}, session=session))
        return {work_item.work_item_id: work_item for work_item in work_items}

    def waiting(self, tenant_id: str, integration_id: str, after: str, limit: int) -> list[WorkItem]:
        """Failed work items of records that may belong to more than one lead, by id."""
        query: Document = {"match_of": tenant_id, "failed_at": {"$type": "date"}, "_id": {"$gt": after}}
        if integration_id:
            query["integration_id"] = integration_id
        return [_work_item(document) for document in self.collection.find(query).sort("_id", 1).limit(limit)]

    def forget_lead(self, tenant_id: str, lead_id: str, but: str, session: ClientSession) -> None:
        """Drop all work items of an erased lead but the one whose work this is."""
        self.collection.delete_many({"tenant_id": tenant_id, "lead_id": lead_id, "_id": {"$ne": but}}, session=session)

    def drop(self, integration_id: str) -> None:
        """Forget all work items of an integration."""
        delete_each(self.collection, {"integration_id": integration_id})

    def page(self, query: Document, after: str, limit: int) -> list[WorkItem]:
        """Work items that match a query, by id."""
        found = self.collection.find({**query, "_id": {"$gt": after}}).sort("_id", 1).limit(limit)
        return [_work_item(document) for document in found]

    def count(self, query: Document) -> int:
        """Number of work items that match a query."""
        return self.collection.count_documents(query)

    def oldest_due(self, integration_id: str = "") -> datetime | None:
        """Since when the longest waiting work item has been due, of one integration or of all."""
        query: Document = {"due_at": {"$type": "date"}}
        if integration_id:
            query["integration_id"] = integration_id
        work_item = self.collection.find_one(query, {"due_at": 1}, sort=[("due_at", 1)])
        return work_item["due_at"] if work_item else None


def _knows(waiting: Document | None, touch: WorkItemTouch) -> bool:
    """Whether a work item that waits is live work already, and knows all that a touch would tell it."""
    if waiting is None or any(waiting.get(name) for name in ("failed_at", "run_id", "swept")):
        return False
    source, created = waiting.get("event_source", ""), waiting.get("created", False)
    told = WorkItemTouch(touch.tenant_id, touch.integration_id, touch.record_id, created=created, event_source=source)
    return touch in (told, replace(told, created=False))


def _work_item(document: Document) -> WorkItem:
    values = {name: document[name] for name in WorkItem.__dataclass_fields__ if document.get(name) is not None}
    notes = {name: document[name] for name in NOTES if document.get(name) is not None}
    notes["candidates"] = tuple(
        Candidate(lead_id, tuple(map(MatchKey, keys))) for lead_id, keys in document.get("candidates") or ()
    )
    return WorkItem(
        work_item_id=document["_id"], notes=Notes(**notes), **{k: v for k, v in values.items() if k != "notes"}
    )
