"""From the data of leadsync 0.1.0 to version 2: collections and fields have other names."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from pymongo import UpdateOne
from pymongo.database import Database

from lead_store.mongo.client import Document
from lead_store.mongo.single_writes import CHUNK, write_each

FORMER_COLLECTION = "lanes"  # 0.1.0 made it at its first start
WORK_ITEMS = "work_items"
QUIET = timedelta(hours=1)  # for which 0.1.0 paused a field; now the end of the pause is stored


def migrate(database: Database[Document], report: Callable[[int, int], None]) -> None:
    """Rename everything, the collection last: as long as it is there, not all has been done."""
    leads, done = database["leads"], 0
    total = leads.estimated_document_count()
    for page in _pages(database):
        updates = [
            UpdateOne(
                {"_id": lead["_id"], "links": lead["links"]}, {"$set": {"links": list(map(_link, lead["links"]))}}
            )
            for lead in page
            if any("swings" in link for link in lead["links"])
        ]
        if updates:
            write_each(leads, updates)
        done += len(page)
        report(done, max(total, done))
    names = database.list_collection_names()
    if FORMER_COLLECTION in names and WORK_ITEMS not in names:
        database[FORMER_COLLECTION].rename(WORK_ITEMS)
    elif FORMER_COLLECTION in names:
        _add_to_work_items(database)


def _pages(database: Database[Document]) -> Iterator[list[Document]]:
    after = ""
    while page := list(database["leads"].find({"_id": {"$gt": after}}, {"links": 1}).sort("_id", 1).limit(CHUNK)):
        after = page[-1]["_id"]
        yield page


def _link(link: Document) -> Document:
    """A link under its new names."""
    if "swings" not in link:
        return link
    renamed: Document = {"swings": "oscillations", "wrote": "last_write"}
    found: Document = {renamed.get(name, name): value for name, value in link.items()}
    found["oscillations"] = {name: _oscillation(values) for name, values in found["oscillations"].items()}
    if found["pending"]:
        found["pending"] = {"work_item_id" if name == "lane_id" else name: v for name, v in found["pending"].items()}
    return found


def _oscillation(values: list[Any]) -> list[Any]:
    """The begin of a pause is its end now."""
    before, paused_at, after = values[:4], values[4], values[5:]
    return [*before, paused_at + QUIET if paused_at else None, *after]


def _add_to_work_items(database: Database[Document]) -> None:
    """Some version in between has begun anew, beside the old work: what it does not know is added, the rest is due."""
    former, work_items = database[FORMER_COLLECTION], database[WORK_ITEMS]
    for one in former.find():
        values = {name: value for name, value in one.items() if name != "_id"}
        work_items.update_one({"_id": one["_id"]}, {"$setOnInsert": values}, upsert=True)
        if one.get("due_at"):
            work_items.update_one({"_id": one["_id"], "due_at": None}, [{"$set": {"due_at": "$$NOW"}}])
    former.drop()
