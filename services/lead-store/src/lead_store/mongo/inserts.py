"""Inserting documents that may be there already: another try after a lost answer is no fault."""

import pymongo
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError

from lead_store.mongo.client import Document

DUPLICATE_KEY = 11000
INSERT_SECONDS = 5.0  # the caller gives up before; its thread is free again after so long


def insert_new(collection: Collection[Document], documents: list[Document]) -> set[int]:
    """Insert documents; those that are there already stay as they are. Answers the positions of these.

    Raises BulkWriteError unless a majority of the members has all of them, also where the only fault is that it has
    not confirmed them.
    """
    try:
        with pymongo.timeout(INSERT_SECONDS):
            collection.insert_many(documents, ordered=False)
    except BulkWriteError as error:
        failures = error.details.get("writeErrors", [])
        unconfirmed = error.details.get("writeConcernErrors")
        if unconfirmed or any(failure["code"] != DUPLICATE_KEY for failure in failures):
            raise
        return {failure["index"] for failure in failures}
    return set()
