"""The collection `lanes`: touch, claim, finish. The database's clock decides who may hold a lane."""

from collections.abc import Collection as Some
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pymongo import UpdateOne
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database

from lead_store.domain.lane import GIVE_UP_AFTER, Lane, LaneTouch, Notes, lane_id
from lead_store.domain.match import Candidate
from lead_store.domain.rules import MatchKey
from lead_store.domain.verdict import LaneEnd, Verdict
from lead_store.mongo.client import EPOCH, Document, from_now
from lead_store.mongo.lane_updates import NOTES, dropped, finished, idle_lane, joined, milliseconds, passed, touched
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

    def unknown(self, touches: list[LaneTouch], now: datetime) -> list[LaneTouch]:
        """Those of the touches that tell something new: all but to lanes that wait for anybody's lease and know it.

        A lane that waits at `now` is read later than that, so it needs no further touch to show what has come by then.
        """
        query = {"_id": {"$in": [touch.lane_id for touch in touches]}, "worker": "", "due_at": {"$lte": now}}
        names = ("failed_at", "run_id", "swept", "event_source", "created")
        waiting = {lane["_id"]: lane for lane in self.collection.find(query, dict.fromkeys(names, 1))}
        return [touch for touch in touches if not _knows(waiting.get(touch.lane_id), touch)]

    def ensure(self, lanes: Iterable[LaneTouch], now: datetime) -> None:
        """Make lanes that are missing, idle ones."""
        updates = [
            UpdateOne({"_id": lane.lane_id}, {"$setOnInsert": idle_lane(lane, now)}, upsert=True) for lane in lanes
        ]
        self.collection.bulk_write(updates, ordered=False)

    def next_due(self, now: datetime, integrations: list[str]) -> str | None:
        """Find the first of these integrations that has a due lane, by halves: most of many have none.

        `now` is only a hint, the claim asks the database. Lanes of integrations that are gone are never looked at.
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
        """Lanes that look due, and how often each was claimed in vain: live work before that of runs, oldest first."""
        # The embedded server uses an index only if the query begins with it, and for `integration_id` no equality.
        query = {"due_at": {"$lte": now}, "lease_until": {"$lte": now}, "integration_id": {"$in": [integration_id]}}
        found: list[tuple[str, int]] = []
        for run in ("", {"$gt": ""}):
            if len(found) < limit:
                lanes = self.collection.find({**query, "run_id": run}, {"claims": 1}).sort("due_at", 1)
                found += [(lane["_id"], lane.get("claims", 0)) for lane in lanes.limit(limit - len(found))]
        return found

    def give_up(self, lane_ids: list[str], reason: str) -> None:
        """Let lanes that nobody holds have failed."""
        failed: Document = {"failed_at": "$$NOW", "reason": {"$literal": reason}, "due_at": "$$REMOVE", "claims": 0}
        self.collection.bulk_write(
            [UpdateOne({"_id": lane}, when(passed("lease_until"), failed)) for lane in lane_ids], ordered=False
        )

    def claim(
        self,
        lane_ids: list[str],
        worker_id: str,
        token: str,
        lease: timedelta,
        *,
        idle: bool = False,
        swept: bool = False,
    ) -> list[Lane]:
        """Lease those of the lanes that are due by the database's clock, or idle. Each gets a new fence.

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
                # One that is held, perhaps for a write, ends as its holder says.
                updates.append(UpdateOne({"_id": failed_lane, "worker": ""}, [{"$set": failure}]))
        if updates:
            self.collection.bulk_write(updates, session=session)

    def release(self, lane: Lane, reason: str, wait: timedelta, *, counts: bool) -> None:
        """End a lease without a decision. An attempt that counts fails the lane after a day of them."""
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
            {"_id": lane.lane_id, "fence": lane.fence, "worker": lane.worker}, [{"$set": update}]
        )

    def fail(self, lane: Lane, reason: str) -> None:
        """End a lease as failed: it waits for a person, or for the next event on its record."""
        update: Document = {"worker": "", "lease_until": EPOCH, "reason": {"$literal": reason}, "failed_at": "$$NOW"}
        update["claims"] = 0
        update["due_at"] = {"$cond": [{"$gt": ["$version", "$claimed_version"]}, "$$NOW", "$$REMOVE"]}
        self.collection.update_one(
            {"_id": lane.lane_id, "fence": lane.fence, "worker": lane.worker}, [{"$set": update}]
        )

    def failed(self, tenant_id: str, integration_id: str, reason: str, lane_ids: list[str]) -> list[str]:
        """Ids of an integration's failed lanes: all, those of a reason, or those among these."""
        query: Document = {"tenant_id": tenant_id, "integration_id": integration_id, "failed_at": {"$type": "date"}}
        if reason:
            query["reason"] = reason
        if lane_ids:
            query["_id"] = {"$in": lane_ids}
        return [lane["_id"] for lane in self.collection.find(query, {"_id": 1})]

    def redrive(self, lane_ids: list[str], per_second: int = 0) -> int:
        """Make those of the lanes that have failed due again: at once, or so many in a second."""
        failed: Document = {"$eq": [{"$type": "$failed_at"}, "date"]}
        again: Document = {"failed_at": None, "first_failed_at": None, "attempts": 0}
        again["approved"] = {"$eq": ["$reason", "delete_cap"]}
        again["version"] = {"$add": ["$version", 1]}
        changed = 0
        for start in range(0, len(lane_ids), CHUNK):
            writes = []
            for place, lane in enumerate(lane_ids[start : start + CHUNK], start):
                later = timedelta(seconds=place / per_second if per_second else 0)
                due_at = from_now(later)
                writes.append(UpdateOne({"_id": lane}, when(failed, {**again, "due_at": due_at})))
            changed += self.collection.bulk_write(writes, ordered=False).modified_count
        return changed

    def run_work(self, integration_id: str, run_id: str) -> tuple[int, int]:
        """Number of a run's lanes that are due or leased, and that have failed."""
        found = self.collection.find(
            {"run_id": run_id, "integration_id": integration_id}, {"due_at": 1, "failed_at": 1}
        )
        lanes = list(found)
        failed = sum(lane.get("failed_at") is not None for lane in lanes)
        return sum(lane.get("due_at") is not None for lane in lanes), failed

    def drop_run(self, tenant_id: str, integration_id: str, run_id: str, now: datetime) -> int:
        """Let a run's lanes that nobody has begun rest; an event on the record or an edit makes them due again.

        Those that had failed before have failed again.
        """
        own = {"tenant_id": tenant_id, "integration_id": integration_id, "run_id": run_id}
        query = {**own, "due_at": {"$type": "date"}, "lease_until": {"$lte": now}, "written": {"$ne": True}}
        still = {"$and": [{"$eq": ["$run_id", {"$literal": run_id}]}, passed("lease_until")]}
        return update_each(self.collection, query, when(still, dropped()))

    def of_records(self, records: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Lane]:
        """The lanes of (integration id, record id) pairs, as far as there are any."""
        ids = [lane_id(integration_id, record_id=record_id) for integration_id, record_id in records]
        return {(lane.integration_id, lane.record_id): lane for lane in self.by_ids(ids).values()}

    def by_ids(self, lane_ids: Some[str], session: ClientSession | None = None) -> dict[str, Lane]:
        """Lanes by id, as far as there are any."""
        lanes = map(_lane, self.collection.find({"_id": {"$in": list(lane_ids)}}, session=session))
        return {lane.lane_id: lane for lane in lanes}

    def waiting(self, tenant_id: str, integration_id: str, after: str, limit: int) -> list[Lane]:
        """Failed lanes of records that may belong to more than one lead, by id."""
        query: Document = {"match_of": tenant_id, "failed_at": {"$type": "date"}, "_id": {"$gt": after}}
        if integration_id:
            query["integration_id"] = integration_id
        return [_lane(document) for document in self.collection.find(query).sort("_id", 1).limit(limit)]

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

    def oldest_due(self, integration_id: str = "") -> datetime | None:
        """Since when the longest waiting lane has been due, of one integration or of all."""
        query: Document = {"due_at": {"$type": "date"}}
        if integration_id:
            query["integration_id"] = integration_id
        lane = self.collection.find_one(query, {"due_at": 1}, sort=[("due_at", 1)])
        return lane["due_at"] if lane else None


def _knows(waiting: Document | None, touch: LaneTouch) -> bool:
    """Whether a lane that waits is live work already, and knows all that a touch would tell it."""
    if waiting is None or any(waiting.get(name) for name in ("failed_at", "run_id", "swept")):
        return False
    source, created = waiting.get("event_source", ""), waiting.get("created", False)
    told = LaneTouch(touch.tenant_id, touch.integration_id, touch.record_id, created=created, event_source=source)
    return touch in (told, replace(told, created=False))


def _lane(document: Document) -> Lane:
    values = {name: document[name] for name in Lane.__dataclass_fields__ if document.get(name) is not None}
    notes = {name: document[name] for name in NOTES if document.get(name) is not None}
    notes["candidates"] = tuple(
        Candidate(lead_id, tuple(map(MatchKey, keys))) for lead_id, keys in document.get("candidates") or ()
    )
    return Lane(lane_id=document["_id"], notes=Notes(**notes), **{k: v for k, v in values.items() if k != "notes"})
