"""The keys by which work items are found. They follow from other fields, and are made again when one of these changes.

`ready_key` finds the work that can be handed out: integration, live work before that of runs, and since when. A work
item has one as long as it is due or leased. Its time is the end of the lease, if that is later. `refs` holds what else
a work item is looked up by: that it has failed, its run, that it waits for a person's choice. Most have none of these.

Each key is the one field of its index: of more, the embedded server uses the first alone. There are few indexes, since
each one costs something at every update, even if its field does not change.
"""

from collections.abc import Callable
from datetime import datetime

from pymongo import UpdateOne
from pymongo.database import Database

from lead_store.mongo.client import Document
from lead_store.mongo.single_writes import CHUNK, write_each

_BASE = 10**14  # makes all times equally long, so that they have the order of texts

_READY_AT: Document = {"$max": [{"$toLong": "$due_at"}, {"$toLong": "$lease_until"}]}
_OF_RUN: Document = {"$gt": ["$run_id", ""]}
_HAS_FAILED: Document = {"$eq": [{"$type": "$failed_at"}, "date"]}
_HAS_CANDIDATES: Document = {"$gt": [{"$size": {"$ifNull": ["$candidates", []]}}, 0]}
_REFS: list[Document] = [
    {"$cond": [_HAS_FAILED, ["failed", {"$concat": ["failed/", "$integration_id"]}], []]},
    {"$cond": [_OF_RUN, [{"$concat": ["run/", "$run_id"]}], []]},
    {"$cond": [_HAS_CANDIDATES, [{"$concat": ["choice/", "$tenant_id"]}], []]},
]
_SET_REFS: Document = {
    "$cond": [{"$or": [_HAS_FAILED, _OF_RUN, _HAS_CANDIDATES]}, {"$concatArrays": _REFS}, "$$REMOVE"]
}


def _key_ready_at(time: Document | str) -> Document:
    return {"$concat": ["$integration_id", {"$cond": [_OF_RUN, "/1/", "/0/"]}, time]}


WORK_KEYS: Document = {
    "$set": {
        "ready_key": {
            "$cond": [
                {"$eq": [{"$type": "$due_at"}, "date"]},
                _key_ready_at({"$toString": {"$add": [_BASE, _READY_AT]}}),
                "$$REMOVE",
            ]
        },
        "refs": _SET_REFS,
    }
}
"""The last stage of each update of work items that changes one of the fields that the keys are made of.

An update that knows all of these fields sets the keys itself, which costs the database less.
"""


def with_work_keys(values: Document) -> list[Document]:
    """An update that sets values, and the keys that follow from them."""
    return [{"$set": values}, WORK_KEYS]


def keys_of_leased(until: datetime) -> Document:
    """The stage for work items that are leased until this time and have not failed."""
    return {"$set": {"ready_key": _key_ready_at(f"{_BASE + milliseconds_of(until)}"), "refs": _SET_REFS}}


def keys_of(
    tenant_id: str,
    integration_id: str,
    ready_at: datetime | None,
    run_id: str = "",
    *,
    has_failed: bool = False,
    has_candidates: bool = False,
) -> Document:
    """The keys of a work item as the database would make them; None for one that it has not got."""
    refs = ["failed", f"failed/{integration_id}"] if has_failed else []
    refs += [f"run/{run_id}"] if run_id else []
    refs += [f"choice/{tenant_id}"] if has_candidates else []
    key = f"{integration_id}/{int(bool(run_id))}/{_BASE + milliseconds_of(ready_at)}" if ready_at else None
    return {"ready_key": key, "refs": refs or None}


def add_work_keys(database: Database[Document], report: Callable[[int, int], None]) -> None:
    """Give each work item its keys, and take wrong ones away: the step to versions 4 and 5 of the data."""
    work_items = database["work_items"]
    shown = dict.fromkeys(("due_at", "failed_at", "run_id", "candidates", "ready_key", "refs"), 1)
    ids = [one["_id"] for one in work_items.find({}, shown) if any(one.get(name) for name in shown)]
    for start in range(0, len(ids), CHUNK):
        part = ids[start : start + CHUNK]
        write_each(work_items, [UpdateOne({"_id": one}, [WORK_KEYS, {"$unset": "match_of"}]) for one in part])
        report(start + len(part), len(ids))


def failed(integration_id: str = "") -> Document:
    """Query for work that has failed, of one integration or of all."""
    return {"refs": f"failed/{integration_id}" if integration_id else "failed"}


def of_run(run_id: str) -> Document:
    """Query for the work of a run."""
    return {"refs": f"run/{run_id}"}


def waiting_for_choice(tenant_id: str) -> Document:
    """Query for a tenant's work that waits, or has waited, until a person chooses a lead."""
    return {"refs": f"choice/{tenant_id}"}


def ready_between(integration_id: str, after: int, until: int, *, of_runs: bool) -> Document:
    """Query for an integration's work that became ready after one time and not after another, in Unix milliseconds."""
    kind = f"{integration_id}/{int(of_runs)}/"
    return {"ready_key": {"$gt": f"{kind}{_BASE + after}", "$lte": f"{kind}{_BASE + until}"}}


def due_or_leased(integration_id: str = "") -> Document:
    """Query for all work that is due or leased, of one integration or of all."""
    if not integration_id:
        return {"ready_key": {"$gt": ""}}
    return {"ready_key": {"$gt": f"{integration_id}/", "$lt": f"{integration_id}0"}}  # "0" comes next to "/"


def ready_since(ready_key: str) -> int:
    """The time of a key, in Unix milliseconds."""
    return int(ready_key.rpartition("/")[2]) - _BASE


def milliseconds_of(time: datetime) -> int:
    """A time in Unix milliseconds, as the key has it."""
    return int(time.timestamp() * 1_000)
