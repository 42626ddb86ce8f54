"""Changing many documents by many single writes.

Outside a transaction the embedded server's `update_many` and `delete_many` lock the collection while they wait for a
document that an open transaction has changed. That transaction then waits for the collection, and neither ever ends.
Single writes release the lock between tries. MongoDB takes them as well, in one round trip per chunk.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import pymongo
from pymongo import DeleteOne, UpdateOne
from pymongo.collection import Collection

from lead_store.mongo.client import Document

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
CHUNK = 500
# A write outside a transaction waits for one that has changed its document. This ends the wait on the server too.
WRITE_SECONDS = 20.0


def limited(write: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Let the statements of a method that writes outside transactions end on the server too, by then at the latest."""

    @wraps(write)
    def within(*args: Arguments.args, **options: Arguments.kwargs) -> Result:
        with pymongo.timeout(WRITE_SECONDS):
            return write(*args, **options)

    return within


def when(condition: Document, values: Document, *after: Document) -> list[Document]:
    """An update that sets values only where a condition holds, decided by the server when the write is carried out.

    `after` = further stages, carried out in any case.

    As the condition is part of the update, only `_id` is looked up. For a condition in the query the embedded server
    reads the whole collection.
    """
    return [{"$set": {name: {"$cond": [condition, value, f"${name}"]} for name, value in values.items()}}, *after]


def update_each(collection: Collection[Document], query: Document, update: list[Document]) -> int:
    """Update every document that matches; answers how many changed. `when` makes the update check again."""
    changed = 0
    for ids in _chunks(collection, query):
        writes = [UpdateOne({"_id": _id}, update) for _id in ids]
        changed += write_each(collection, writes)
    return changed


def delete_each(collection: Collection[Document], query: Document) -> None:
    """Delete every document that matches."""
    for ids in _chunks(collection, query):
        write_each(collection, [DeleteOne({"_id": _id}) for _id in ids])


def write_each(collection: Collection[Document], writes: Sequence[UpdateOne | DeleteOne]) -> int:
    """Carry out single writes outside a transaction, in any order; answers how many documents were updated."""
    if not writes:
        return 0
    with pymongo.timeout(WRITE_SECONDS):
        return collection.bulk_write(list(writes), ordered=False).modified_count


def _chunks(collection: Collection[Document], query: Document) -> Iterator[list[Any]]:
    ids = [document["_id"] for document in collection.find(query, {"_id": 1})]
    for start in range(0, len(ids), CHUNK):
        yield ids[start : start + CHUNK]
