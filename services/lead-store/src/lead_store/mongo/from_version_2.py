"""From version 2 of the data to version 3: work items have a key by which due work is found."""

from collections.abc import Callable
from contextlib import suppress

from pymongo import UpdateOne
from pymongo.database import Database
from pymongo.errors import OperationFailure

from lead_store.mongo.client import Document
from lead_store.mongo.ready_key import READY_KEY
from lead_store.mongo.single_writes import CHUNK

FORMER_INDEXES = {"integration_id_1_due_at_1", "claim_1"}  # no query uses them any more


def migrate(database: Database[Document], report: Callable[[int, int], None]) -> None:
    """Give each work item that is due or leased its key, and remove indexes that nothing uses."""
    work_items = database["work_items"]
    ids = [one["_id"] for one in work_items.find({"due_at": {"$type": "date"}}, {"_id": 1})]
    for start in range(0, len(ids), CHUNK):
        part = ids[start : start + CHUNK]
        work_items.bulk_write([UpdateOne({"_id": one}, [READY_KEY]) for one in part], ordered=False)
        report(start + len(part), len(ids))
    if work_items.name in database.list_collection_names():
        for name in FORMER_INDEXES & work_items.index_information().keys():
            with suppress(OperationFailure):  # another process has removed it
                work_items.drop_index(name)
