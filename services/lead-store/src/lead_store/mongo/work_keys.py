"""The key by which work that can be handed out is found: integration, live work before that of runs, and since when.

A work item has one as long as it is due or leased. Its time is the end of the lease, if that is later. It is the one
field of its index: of more, the embedded server uses the first alone.
"""

from collections.abc import Callable
from datetime import datetime

from pymongo import UpdateOne
from pymongo.database import Database

from lead_store.mongo.client import Document
from lead_store.mongo.single_writes import CHUNK, write_each

_BASE = 10**14  # makes all times equally long, so that they have the order of texts

READY_KEY: Document = {
    "$set": {
        "ready_key": {
            "$cond": [
                {"$eq": [{"$type": "$due_at"}, "date"]},
                {
                    "$concat": [
                        "$integration_id",
                        {"$cond": [{"$gt": ["$run_id", ""]}, "/1/", "/0/"]},
                        {
                            "$toString": {
                                "$add": [_BASE, {"$max": [{"$toLong": "$due_at"}, {"$toLong": "$lease_until"}]}]
                            }
                        },
                    ]
                },
                "$$REMOVE",
            ]
        }
    }
}
"""The last stage of each update of work items that changes one of the fields that the key is made of."""


def with_ready_key(values: Document) -> list[Document]:
    """An update that sets values, and the key that follows from them."""
    return [{"$set": values}, READY_KEY]


def add_ready_keys(database: Database[Document], report: Callable[[int, int], None]) -> None:
    """Give each work item its key, and take wrong ones away: the step to version 4 of the data."""
    work_items = database["work_items"]
    concerned = {"due_at": {"$type": "date"}}, {"ready_key": {"$gt": ""}}
    ids = list({one["_id"] for query in concerned for one in work_items.find(query, {"_id": 1})})
    for start in range(0, len(ids), CHUNK):
        part = ids[start : start + CHUNK]
        write_each(work_items, [UpdateOne({"_id": one}, [READY_KEY]) for one in part])
        report(start + len(part), len(ids))


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
