"""The collection `requests`: which lead a request made. Its `_id` is the request, so that two cannot make one each.

A unique index on the leads would say the same, but then these could not be sharded by their own ids.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice

from pymongo import UpdateOne
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import BulkWriteError

from lead_store.domain.lead import Lead
from lead_store.mongo.client import Document
from lead_store.mongo.inserts import DUPLICATE_KEY
from lead_store.mongo.single_writes import CHUNK, write_each


class RepeatedRequest(Exception):  # noqa: N818 - nothing went wrong: the first call made the lead
    """A request has made a lead already."""


@dataclass(frozen=True, slots=True)
class Requests:
    """Reads and writes which lead a request made."""

    collection: Collection[Document]

    @classmethod
    def of(cls, database: Database[Document]) -> "Requests":
        """The requests of a database."""
        return cls(database["requests"])

    def lead_id(self, tenant_id: str, request_id: str, session: ClientSession | None = None) -> str:
        """The id of the lead that a request made; empty if it made none."""
        found = self.collection.find_one({"_id": _key(tenant_id, request_id)}, session=session)
        return found["lead_id"] if found else ""

    def add(self, leads: Iterable[Lead], session: ClientSession) -> None:
        """Note what the requests of these leads made. Raises RepeatedRequest if one of them has made a lead."""
        documents = [_document(lead.tenant_id, lead.request_id, lead.lead_id) for lead in leads if lead.request_id]
        if not documents:
            return
        try:
            self.collection.insert_many(documents, session=session)
        except BulkWriteError as error:
            if any(failure["code"] == DUPLICATE_KEY for failure in error.details["writeErrors"]):
                raise RepeatedRequest from error
            raise

    def forget(self, tenant_id: str, request_id: str, session: ClientSession) -> None:
        """Forget the request, if there was one, of a lead that is erased."""
        if request_id:
            self.collection.delete_one({"_id": _key(tenant_id, request_id)}, session=session)


def note_requests(database: Database[Document], report: Callable[[int, int], None]) -> None:
    """Note the requests of leads that were made before there was this collection."""
    leads, done = database["leads"], 0
    made = {"request_id": {"$gt": ""}}
    total = leads.count_documents(made)
    found = leads.find(made, {"tenant_id": 1, "request_id": 1})
    while some := list(islice(found, CHUNK)):
        documents = [_document(one["tenant_id"], one["request_id"], one["_id"]) for one in some]
        write_each(
            database["requests"],
            [UpdateOne({"_id": one["_id"]}, {"$setOnInsert": one}, upsert=True) for one in documents],
        )
        done += len(documents)
        report(done, max(total, done))


def _document(tenant_id: str, request_id: str, lead_id: str) -> Document:
    return {"_id": _key(tenant_id, request_id), "tenant_id": tenant_id, "lead_id": lead_id}


def _key(tenant_id: str, request_id: str) -> str:
    return hashlib.sha256(f"{tenant_id}\0{request_id}".encode()).hexdigest()
