"""The database's clock has been set back: what was written while it was ahead would have to wait."""

from datetime import timedelta

from pymongo.database import Database

from lead_store.mongo.client import Document, from_now, server_now
from lead_store.mongo.single_writes import update_each, when
from lead_store.mongo.work_item_updates import is_time
from lead_store.mongo.work_keys import WORK_KEYS, due_or_leased

SLACK = timedelta(minutes=1)


def pull_back(database: Database[Document], by: timedelta, lease: timedelta) -> int:
    """Make due what waits only for the time by which the clock was set back, and shorten leases to their length.

    Being due early is harmless: every decision looks at the reasons of a wait again. A lease goes on for its whole
    length, so that its holder's writes have landed by its end (R4). Repeating it changes nothing. Answers how many
    documents have changed.
    """
    now = server_now(database)
    due = {**due_or_leased(), "due_at": {"$gt": now, "$lte": now + by + lease + SLACK}}
    free = {"$and": [{"$eq": ["$worker", ""]}, is_time("due_at"), _after("due_at", timedelta())]}
    changed = update_each(database["work_items"], due, when(free, {"due_at": "$$NOW"}, WORK_KEYS))
    leased = {"$and": [{"$ne": ["$worker", ""]}, is_time("due_at"), _after("lease_until", lease)]}
    full_lease = {"lease_until": from_now(lease), "due_at": from_now(lease)}
    changed += update_each(database["work_items"], due, when(leased, full_lease, WORK_KEYS))
    held = {"worker_until": {"$gt": now + lease}}
    tenure = when(_after("worker_until", lease), {"worker_until": from_now(lease)})
    changed += update_each(database["targets"], held, tenure)
    seen = when(_after("seen_at", timedelta()), {"seen_at": "$$NOW"})
    return changed + update_each(database["processes"], {"seen_at": {"$gt": now}}, seen)


def _after(name: str, span: timedelta) -> Document:
    """Whether a time lies further ahead than so."""
    return {"$gt": [{"$toLong": f"${name}"}, {"$toLong": from_now(span)}]}
