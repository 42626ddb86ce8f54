"""The collection `work_items`, as a queue: touch, claim, finish. Guards go by the database's clock and by fences."""

from collections.abc import Collection as Some
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from pymongo import UpdateOne
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database

from lead_store.domain.decision import Decision, NextStep
from lead_store.domain.retry import Attempts
from lead_store.domain.touches import joined
from lead_store.domain.work_item import WorkItem, WorkItemTouch
from lead_store.mongo.client import EPOCH, Document
from lead_store.mongo.grouped_writes import Change, change_together
from lead_store.mongo.single_writes import CHUNK, when, write_each
from lead_store.mongo.work_item_documents import work_item_from
from lead_store.mongo.work_item_updates import (
    Claim,
    asked_by_run,
    finished,
    idle_work_item,
    leased_work_item,
    passed,
    touched,
)
from lead_store.mongo.work_keys import WORK_KEYS, due_or_leased, keys_of_leased, with_work_keys

SHOWN_WAITING = ("tenant_id", "integration_id", "failed_at", "run_id", "swept", "event_source", "created")


@dataclass(frozen=True, slots=True)
class WorkItems:
    """Reads and writes work items."""

    collection: Collection[Document]

    @classmethod
    def of(cls, database: Database[Document]) -> "WorkItems":
        """The work items of a database."""
        return cls(database["work_items"])

    def touch(self, touches: Iterable[WorkItemTouch], session: ClientSession | None = None) -> int:
        """Make work items due, new ones included. One that is leased becomes due again when its lease ends."""
        wanted = joined(touches)
        if session is not None and len(wanted) > 1:
            return len(wanted) - len(new := self._touch_known(wanted, session)) + self._touch(new, session)
        return self._touch(wanted, session)

    def _touch_known(self, touches: list[WorkItemTouch], session: ClientSession) -> list[WorkItemTouch]:
        """Make those work items due that there are already; answers the touches of the others."""
        ids = {"_id": {"$in": [touch.work_item_id for touch in touches]}}
        known = {document["_id"] for document in self.collection.find(ids, {"_id": 1}, session=session)}
        changes = []
        for one in touches:
            if one.work_item_id in known:
                own = {"lead_id": one.lead_id} if one.lead_id else {}  # all that differs from the others' for most
                values = {name: value for name, value in touched(one, known=True).items() if name not in own}
                changes.append(Change(one.work_item_id, {}, values, own))
        change_together(self.collection, changes, session, WORK_KEYS)
        return [touch for touch in touches if touch.work_item_id not in known]

    def _touch(self, touches: list[WorkItemTouch], session: ClientSession | None) -> int:
        updates = [UpdateOne({"_id": one.work_item_id}, with_work_keys(touched(one)), upsert=True) for one in touches]
        for start in range(0, len(updates), CHUNK):
            some = updates[start : start + CHUNK]
            if session is None:
                write_each(self.collection, some)
            else:
                self.collection.bulk_write(some, ordered=False, session=session)
        return len(updates)

    def touch_for_run(self, work_item_ids: list[str], run_id: str, session: ClientSession | None = None) -> None:
        """Make work items due for a run. Live work stays live, that of other runs becomes this one's."""
        update = with_work_keys(asked_by_run(run_id))
        if session is not None:
            self.collection.update_many({"_id": {"$in": work_item_ids}}, update, session=session)
        else:
            write_each(self.collection, [UpdateOne({"_id": one}, update) for one in work_item_ids])

    def claim_new(
        self, touches: list[WorkItemTouch], claim: Claim, session: ClientSession | None, *, swept: bool
    ) -> list[WorkItem]:
        """Make work items that are missing, and lease them.

        In a transaction it is one statement, which fails if another transaction has made one of them meanwhile.
        """
        if not touches:
            return []
        if session is not None:
            documents = [leased_work_item(touch, claim, swept=swept) for touch in touches]
            self.collection.insert_many(documents, session=session)
            return [work_item_from(document) for document in documents]
        idle = (({"_id": touch.work_item_id}, idle_work_item(touch, claim.at)) for touch in touches)
        write_each(self.collection, [UpdateOne(name, {"$setOnInsert": values}, upsert=True) for name, values in idle])
        return self.claim([touch.work_item_id for touch in touches], claim, idle=True, swept=swept)

    def claim(
        self,
        work_item_ids: list[str],
        claim: Claim,
        *,
        idle: bool = False,
        swept: bool = False,
        session: ClientSession | None = None,
    ) -> list[WorkItem]:
        """Lease those of the work items that are due, or idle, at the time of the claim. Each gets a new fence.

        In a transaction it is one statement, which fails if another transaction changes one of the work items.
        `swept` = only a sweep asked for it. That stays so until it is decided or an event asks as well.
        """
        if not work_item_ids:
            return []
        free = {"lease_until": {"$lte": claim.at}, "due_at": None if idle else {"$lte": claim.at}}
        claimed: Document = {
            "fence": {"$add": ["$fence", 1]},
            "claim": {"$literal": claim.token},
            "worker": {"$literal": claim.worker_id},
            "claimed_version": "$version",
            "claims": {"$add": [{"$ifNull": ["$claims", 0]}, 1]},
            "claimed_at": claim.at,
            "lease_until": claim.until,
            "due_at": claim.until,
            "failed_at": None,
        }
        if idle:
            claimed["swept"] = swept
        update = [{"$set": claimed}, keys_of_leased(claim.until)]
        if session is None:
            write_each(self.collection, [UpdateOne({"_id": one, **free}, update) for one in work_item_ids])
        else:
            self.collection.update_many({"_id": {"$in": work_item_ids}, **free}, update, session=session)
        query = {"_id": {"$in": work_item_ids}, "claim": claim.token}
        return [work_item_from(document) for document in self.collection.find(query, session=session)]

    def held(
        self, work_item_ids: Some[str], worker_id: str, session: ClientSession | None = None
    ) -> dict[tuple[str, int], WorkItem]:
        """Work items leased to this worker, by id and fence."""
        query = {"_id": {"$in": list(work_item_ids)}, "worker": worker_id}
        work_items = map(work_item_from, self.collection.find(query, session=session))
        return {(work_item.work_item_id, work_item.fence): work_item for work_item in work_items}

    def by_ids(self, work_item_ids: Some[str], session: ClientSession | None = None) -> dict[str, WorkItem]:
        """Work items by id, as far as there are any."""
        work_items = map(work_item_from, self.collection.find({"_id": {"$in": list(work_item_ids)}}, session=session))
        return {work_item.work_item_id: work_item for work_item in work_items}

    def waiting_for_lease(self, work_item_ids: Some[str], now: datetime) -> dict[str, WorkItem]:
        """Those of the work items that are due and not leased, by id, with what a touch may add to."""
        query = {"_id": {"$in": list(work_item_ids)}, "worker": "", "due_at": {"$lte": now}}
        work_items = map(work_item_from, self.collection.find(query, dict.fromkeys(SHOWN_WAITING, 1)))
        return {work_item.work_item_id: work_item for work_item in work_items}

    def read_at(self, work_item_ids: Some[str]) -> dict[str, datetime | None]:
        """Newest modified-at of a full reading, by work item (R9)."""
        found = self.collection.find({"_id": {"$in": list(work_item_ids)}}, {"read_at": 1})
        return {work_item["_id"]: work_item.get("read_at") for work_item in found}

    def finish(self, ended: list[tuple[WorkItem, Decision]], now: datetime, session: ClientSession) -> bool:
        """Do with leases as the decisions say, guarded by their claims; False if one was lost.

        Each claim has a token of its own, so it guards as the fence does, and is the same for a whole batch. The work
        items are those that were read in this transaction: a touch since then makes it fail.
        """
        changes = []
        for work_item, decision in ended:
            if decision.next_step is not NextStep.KEEP:
                values, own = finished(decision, work_item, now)
                guard = {"claim": work_item.claim, "worker": work_item.worker}
                changes.append(Change(work_item.work_item_id, guard, values, own))
        return change_together(self.collection, changes, session) == len(changes)

    def change_others(self, decisions: Iterable[Decision], session: ClientSession) -> None:
        """Change other work items of the decided pairs: end their leases, take over their work, let them fail."""
        updates: list[UpdateOne] = []
        for decision in decisions:
            free = {"worker": "", "lease_until": EPOCH, "written": False}
            ended = with_work_keys({**free, "fence": {"$add": ["$fence", 1]}})
            updates += [UpdateOne({"_id": work_item}, ended) for work_item in decision.ended_work_items]
            done = {"$unset": {"due_at": 1, "ready_key": 1}}
            updates += [UpdateOne({"_id": work_item, "worker": ""}, done) for work_item in decision.idle_work_items]
            for failed_work_item, reason in decision.failed_work_items.items():
                failure = {"failed_at": "$$NOW", "reason": {"$literal": reason}, "due_at": "$$REMOVE"}
                # One that is leased, perhaps for a write, ends as its holder says.
                updates.append(UpdateOne({"_id": failed_work_item, "worker": ""}, with_work_keys(failure)))
        if updates:
            self.collection.bulk_write(updates, session=session)

    def release(self, work_item: WorkItem, reason: str, attempts: Attempts) -> None:
        """End a lease without a decision."""
        update: Document = {
            "attempts": attempts.number,
            "first_failed_at": attempts.first_failed_at,
            "failed_at": None if attempts.due_at else "$$NOW",
            "due_at": attempts.due_at or "$$REMOVE",
        }
        self._end_lease(work_item, reason, update)

    def fail(self, work_item: WorkItem, reason: str) -> None:
        """End a lease as failed: it waits for a person. A touch since the claim makes it due all the same."""
        due_at = {"$cond": [{"$gt": ["$version", "$claimed_version"]}, "$$NOW", "$$REMOVE"]}
        self._end_lease(work_item, reason, {"failed_at": "$$NOW", "due_at": due_at})

    def _end_lease(self, work_item: WorkItem, reason: str, update: Document) -> None:
        guard = {"_id": work_item.work_item_id, "fence": work_item.fence, "worker": work_item.worker}
        ended = {"worker": "", "lease_until": EPOCH, "claims": 0, "reason": {"$literal": reason}}
        write_each(self.collection, [UpdateOne(guard, with_work_keys(ended | update))])

    def leave(self, worker_id: str) -> set[str]:
        """Make due what a process that has gone had leased, unless a write was handed out: that may still land (R4).

        Answers the integrations of that work.
        """
        leased = {**due_or_leased(), "worker": worker_id, "written": {"$ne": True}}
        still = {"$and": [{"$eq": ["$worker", {"$literal": worker_id}]}, {"$ne": ["$written", True]}]}
        update = when(still, {"worker": "", "lease_until": EPOCH, "due_at": "$$NOW"}, WORK_KEYS)
        found = list(self.collection.find(leased, {"integration_id": 1}))
        for start in range(0, len(found), CHUNK):
            write_each(
                self.collection, [UpdateOne({"_id": one["_id"]}, update) for one in found[start : start + CHUNK]]
            )
        return {one["integration_id"] for one in found}

    def give_up(self, work_item_ids: list[str], reason: str) -> None:
        """Let work items that are not leased have failed."""
        failed: Document = {"failed_at": "$$NOW", "reason": {"$literal": reason}, "due_at": "$$REMOVE", "claims": 0}
        update = when(passed("lease_until"), failed, WORK_KEYS)
        write_each(self.collection, [UpdateOne({"_id": one}, update) for one in work_item_ids])

    def redrive(self, failed: list[WorkItem], due_at: list[datetime], approved: list[bool]) -> int:
        """Make failed work items due again, each at its time; answers how many still were as they were read."""
        writes = []
        for work_item, at, consent in zip(failed, due_at, approved, strict=True):
            same = [{"$eq": [{"$type": "$failed_at"}, "date"]}, {"$eq": ["$reason", {"$literal": work_item.reason}]}]
            again: Document = {"failed_at": None, "first_failed_at": None, "attempts": 0, "due_at": at}
            again |= {"approved": consent, "version": {"$add": ["$version", 1]}}
            writes.append(UpdateOne({"_id": work_item.work_item_id}, when({"$and": same}, again, WORK_KEYS)))
        chunks = [writes[start : start + CHUNK] for start in range(0, len(writes), CHUNK)]
        return sum(write_each(self.collection, chunk) for chunk in chunks)
