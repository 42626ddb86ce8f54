"""The collection `lanes`: touch, claim, finish. The database's clock decides who may hold a lane."""

from collections.abc import Collection as Some
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from pymongo import UpdateOne
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database

from lead_store.domain.lane import GIVE_UP_AFTER, Lane, LaneTouch, Notes, lane_id
from lead_store.domain.verdict import LaneEnd, Verdict
from lead_store.mongo.client import EPOCH, Document
from lead_store.mongo.lane_updates import NOTES, finished, idle_lane, joined, milliseconds, passed, touched
from lead_store.mongo.one_by_one import delete_each, update_each, when

CHUNK = 500


@dataclass(frozen=True, slots=True)
class Lanes:
    """Reads and writes lanes."""

    collection: Collection[Document]

    @classmethod
    def of(cls, database: Database[Document]) -> "Lanes":
        """The lanes of a database."""
        return cls(database["lanes"])

    def touch(self, touches: Iterable[LaneTouch], session: ClientSession | None = None) -> int:
        """Make lanes due, new ones included; a lane that is leased becomes due again when its lease ends."""
        updates = [
            UpdateOne({"_id": touch.lane_id}, [{"$set": touched(touch)}], upsert=True) for touch in joined(touches)
        ]
        for start in range(0, len(updates), CHUNK):
            self.collection.bulk_write(updates[start : start + CHUNK], ordered=False, session=session)
        return len(updates)

    def ensure(self, lanes: Iterable[LaneTouch], now: datetime) -> None:
        """Make lanes that are missing, idle ones."""
        updates = [
            UpdateOne({"_id": lane.lane_id}, {"$setOnInsert": idle_lane(lane, now)}, upsert=True) for lane in lanes
        ]
        self.collection.bulk_write(updates, ordered=False)

    def next_due(self, now: datetime, integrations: list[str]) -> str | None:
        """Which of these integrations has a lane that has been due for longest.

        `now` is only a hint, the claim asks the database. Lanes of integrations that are gone are never looked at.
        """
        query = {"due_at": {"$lte": now}, "lease_until": {"$lte": now}, "integration_id": {"$in": integrations}}
        lane = self.collection.find_one(query, {"integration_id": 1}, sort=[("due_at", 1)])
        return lane["integration_id"] if lane else None

    def due(self, integration_id: str, now: datetime, limit: int) -> list[str]:
        """Ids of lanes that look due: live work before that of runs, longest due first."""
        query = {"integration_id": integration_id, "due_at": {"$lte": now}, "lease_until": {"$lte": now}}
        found: list[str] = []
        for run in ("", {"$gt": ""}):
            if len(found) < limit:
                lanes = self.collection.find({**query, "run_id": run}, {"_id": 1}).sort("due_at", 1)
                found += [lane["_id"] for lane in lanes.limit(limit - len(found))]
        return found

    def claim(
        self, lane_ids: list[str], worker_id: str, token: str, lease: timedelta, *, idle: bool = False
    ) -> list[Lane]:
        """Lease those of the lanes that are due by the database's clock, or idle. Each gets a new fence."""
        until = {"$add": ["$$NOW", milliseconds(lease)]}
        may_lease = [passed("lease_until"), {"$ne" if idle else "$eq": [{"$type": "$due_at"}, "date"]}]
        if not idle:
            may_lease.append(passed("due_at"))
        claimed = {
            "fence": {"$add": ["$fence", 1]},
            "claim": {"$literal": token},
            "worker": {"$literal": worker_id},
            "claimed_version": "$version",
            "claimed_at": "$$NOW",
            "lease_until": until,
            "due_at": until,
            "failed_at": None,
        }
        claims = [UpdateOne({"_id": lane}, when({"$and": may_lease}, claimed)) for lane in lane_ids]
        if self.collection.bulk_write(claims, ordered=False).modified_count == 0:
            return []
        return [_lane(document) for document in self.collection.find({"claim": token})]

    def held(
        self, lane_ids: Some[str], worker_id: str, session: ClientSession | None = None
    ) -> dict[tuple[str, int], Lane]:
        """Lanes leased to this worker, by id and fence."""
        query = {"_id": {"$in": list(lane_ids)}, "worker": worker_id}
        lanes = map(_lane, self.collection.find(query, session=session))
        return {(lane.lane_id, lane.fence): lane for lane in lanes}

    def read_at(self, lane_ids: Some[str]) -> dict[str, datetime | None]:
        """Newest modified-at of a full reading, by lane (R9)."""
        found = self.collection.find({"_id": {"$in": list(lane_ids)}}, {"read_at": 1})
        return {lane["_id"]: lane.get("read_at") for lane in found}

    def finish(self, ended: list[tuple[Lane, Verdict]], session: ClientSession | None = None) -> bool:
        """End or hold leases as the verdicts say, guarded by their fences; False if one was lost."""
        updates = [
            UpdateOne({"_id": lane.lane_id, "fence": lane.fence, "worker": lane.worker}, [{"$set": finished(verdict)}])
            for lane, verdict in ended
            if verdict.end is not LaneEnd.KEPT
        ]
        if not updates:
            return True
        return self.collection.bulk_write(updates, ordered=False, session=session).matched_count == len(updates)

    def disturb(self, verdicts: Iterable[Verdict], session: ClientSession) -> None:
        """Change other lanes of the decided pairs: end their fences, take over their work."""
        updates: list[UpdateOne] = []
        for verdict in verdicts:
            out = {"$inc": {"fence": 1}, "$set": {"worker": "", "lease_until": EPOCH, "written": False}}
            updates += [UpdateOne({"_id": lane}, out) for lane in verdict.ended_lanes]
            done = {"$unset": {"due_at": 1}}
            updates += [UpdateOne({"_id": lane, "worker": ""}, done) for lane in verdict.idle_lanes]
            for failed_lane, reason in verdict.failed_lanes.items():
                failure = {"failed_at": "$$NOW", "reason": {"$literal": reason}, "due_at": "$$REMOVE"}
                updates.append(UpdateOne({"_id": failed_lane}, [{"$set": failure}]))
        if updates:
            self.collection.bulk_write(updates, session=session)

    def release(self, lane: Lane, reason: str, wait: timedelta, *, counts: bool) -> None:
        """End a lease without a decision. An attempt that counts fails the lane after a day of them."""
        now = {"$toLong": "$$NOW"}
        first = {"$ifNull": ["$first_failed_at", "$$NOW"]} if counts else "$first_failed_at"
        given_up = {"$gt": [now, {"$add": [{"$toLong": first}, milliseconds(GIVE_UP_AFTER)]}]} if counts else False
        due_at = {"$add": ["$$NOW", milliseconds(wait)]}
        update: Document = {
            "worker": "",
            "lease_until": EPOCH,
            "reason": {"$literal": reason},
            "attempts": {"$add": ["$attempts", 1 if counts else 0]},
            "first_failed_at": first,
            "failed_at": {"$cond": [given_up, "$$NOW", None]},
            "due_at": {"$cond": [given_up, "$$REMOVE", due_at]},
        }
        self.collection.update_one(
            {"_id": lane.lane_id, "fence": lane.fence, "worker": lane.worker}, [{"$set": update}]
        )

    def fail(self, lane: Lane, reason: str) -> None:
        """End a lease as failed: it waits for a person, or for the next event on its record."""
        update: Document = {"worker": "", "lease_until": EPOCH, "reason": {"$literal": reason}, "failed_at": "$$NOW"}
        update["due_at"] = {"$cond": [{"$gt": ["$version", "$claimed_version"]}, "$$NOW", "$$REMOVE"]}
        self.collection.update_one(
            {"_id": lane.lane_id, "fence": lane.fence, "worker": lane.worker}, [{"$set": update}]
        )

    def redrive(self, tenant_id: str, integration_id: str, reason: str, lane_ids: list[str]) -> int:
        """Make failed lanes of an integration due again: all, those of a reason, or these."""
        query: Document = {"tenant_id": tenant_id, "integration_id": integration_id, "failed_at": {"$ne": None}}
        if reason:
            query["reason"] = reason
        if lane_ids:
            query["_id"] = {"$in": lane_ids}
        again: Document = {"failed_at": None, "first_failed_at": None, "attempts": 0, "due_at": "$$NOW"}
        again["approved"] = {"$eq": ["$reason", "delete_cap"]}
        again["version"] = {"$add": ["$version", 1]}
        return update_each(self.collection, query, when({"$eq": [{"$type": "$failed_at"}, "date"]}, again))

    def run_work(self, integration_id: str, run_id: str) -> tuple[int, int]:
        """Number of a run's lanes that are due or leased, and that have failed."""
        found = self.collection.find(
            {"run_id": run_id, "integration_id": integration_id}, {"due_at": 1, "failed_at": 1}
        )
        lanes = list(found)
        failed = sum(lane.get("failed_at") is not None for lane in lanes)
        return sum(lane.get("due_at") is not None for lane in lanes), failed

    def drop_run(self, tenant_id: str, integration_id: str, run_id: str, now: datetime) -> int:
        """Let a run's lanes that nobody has begun rest; an event on the record or an edit makes them due again."""
        own = {"tenant_id": tenant_id, "integration_id": integration_id, "run_id": run_id}
        query = {**own, "due_at": {"$type": "date"}, "lease_until": {"$lte": now}, "written": {"$ne": True}}
        still = {"$and": [{"$eq": ["$run_id", {"$literal": run_id}]}, passed("lease_until")]}
        return update_each(self.collection, query, when(still, {"due_at": "$$REMOVE", "run_id": ""}))

    def of_records(self, records: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Lane]:
        """The lanes of (integration id, record id) pairs, as far as there are any."""
        ids = [lane_id(integration_id, record_id=record_id) for integration_id, record_id in records]
        lanes = map(_lane, self.collection.find({"_id": {"$in": ids}}))
        return {(lane.integration_id, lane.record_id): lane for lane in lanes}

    def make_all_due(self, integration_id: str, run_id: str) -> None:
        """Make every lane of an integration due, as work of a run."""
        due: Document = {"version": {"$add": ["$version", 1]}, "due_at": {"$ifNull": ["$due_at", "$$NOW"]}}
        due |= {"failed_at": None, "first_failed_at": None, "attempts": 0}
        due["run_id"] = {"$cond": [{"$eq": [{"$type": "$due_at"}, "date"]}, "$run_id", {"$literal": run_id}]}
        update_each(self.collection, {"integration_id": integration_id}, [{"$set": due}])

    def forget_lead(self, tenant_id: str, lead_id: str, but: str, session: ClientSession) -> None:
        """Drop all lanes of an erased lead but the one whose work this is."""
        self.collection.delete_many({"tenant_id": tenant_id, "lead_id": lead_id, "_id": {"$ne": but}}, session=session)

    def drop(self, integration_id: str) -> None:
        """Forget all lanes of an integration."""
        delete_each(self.collection, {"integration_id": integration_id})

    def page(self, query: Document, after: str, limit: int) -> list[Lane]:
        """Lanes that match a query, by id."""
        found = self.collection.find({**query, "_id": {"$gt": after}}).sort("_id", 1).limit(limit)
        return [_lane(document) for document in found]

    def count(self, query: Document) -> int:
        """Number of lanes that match a query."""
        return self.collection.count_documents(query)

    def oldest_due(self, integration_id: str) -> datetime | None:
        """Since when the longest waiting lane has been due."""
        query = {"integration_id": integration_id, "due_at": {"$type": "date"}}
        lane = self.collection.find_one(query, {"due_at": 1}, sort=[("due_at", 1)])
        return lane["due_at"] if lane else None


def _lane(document: Document) -> Lane:
    values = {name: document[name] for name in Lane.__dataclass_fields__ if document.get(name) is not None}
    notes = {name: document[name] for name in NOTES if document.get(name) is not None}
    return Lane(lane_id=document["_id"], notes=Notes(**notes), **{k: v for k, v in values.items() if k != "notes"})
