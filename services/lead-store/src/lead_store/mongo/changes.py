"""Changes of leads as they are committed, from MongoDB's change stream."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import bson
from pymongo.change_stream import CollectionChangeStream
from pymongo.collection import Collection
from pymongo.errors import OperationFailure

from lead_store.domain.errors import Expired, Invalid
from lead_store.domain.lead import Lead
from lead_store.mongo.client import Document
from lead_store.mongo.leads import lead_from

HISTORY_LOST = {136, 280, 286}  # capped position lost, change stream fatal, change stream history lost
# Bad value, failed to parse, type mismatch, invalid resume token; and what is wrong inside of a token.
NOT_A_TOKEN = {2, 9, 14, 260, 40647, 40648, 40649, 50811}
AWAIT_MS = 500


@dataclass(frozen=True, slots=True)
class Change:
    """A lead as it is after a change, or the id of one that was removed, and where to go on from.

    Without either, nothing happened for a while. `kept` is a lead as it was written, whatever became of it since.
    """

    lead: Lead | None
    resume_token: str
    removed_lead_id: str = ""  # of any tenant: the stream does not say of which
    kept: bool = False


@dataclass(frozen=True, slots=True)
class LeadChanges:
    """One tenant's stream; it waits at most half a second at a time."""

    stream: CollectionChangeStream[Document]

    def next(self) -> Change:
        """The next change, or none."""
        try:
            event = self.stream.try_next()
        except OperationFailure as error:
            raise _expired(error) from error
        token = _encode(self.stream.resume_token)
        if not event:
            return Change(None, token)
        if event["operationType"] == "delete":
            return Change(None, token, removed_lead_id=event["documentKey"]["_id"])
        document = event.get("fullDocument")
        return Change(lead_from(document) if document else None, token, kept=event["operationType"] != "update")


@contextmanager
def watch(leads: Collection[Document], tenant_id: str, resume_token: str) -> Iterator[LeadChanges]:
    """Open a tenant's stream, from now on or from where an earlier one was left. Removals come of all tenants."""
    of_a_lead: Document = {
        "fullDocument.tenant_id": tenant_id,
        "operationType": {"$in": ["insert", "update", "replace"]},
        # Each change of a lead raises its revision. Adding references to what an earlier version wrote does not.
        "$or": [
            {"updateDescription.updatedFields.refs": {"$exists": False}},
            {"updateDescription.updatedFields.revision": {"$exists": True}},
        ],
    }
    pipeline = [{"$match": {"$or": [of_a_lead, {"operationType": "delete"}]}}]
    after = _decode(resume_token) if resume_token else None
    try:
        stream = leads.watch(pipeline, full_document="updateLookup", resume_after=after, max_await_time_ms=AWAIT_MS)
    except OperationFailure as error:
        raise _expired(error) from error
    with stream:
        yield LeadChanges(stream)


def _expired(error: OperationFailure) -> OperationFailure | Expired | Invalid:
    if error.code in HISTORY_LOST:
        return Expired("resume_token_expired", "too much has happened since: list the leads and watch from now on")
    if error.code in NOT_A_TOKEN:
        return _wrong_token()
    return error


def _wrong_token() -> Invalid:
    return Invalid("resume_token", "use the token of the last change that was seen", "resume_token")


def _encode(token: Any) -> str:
    return base64.urlsafe_b64encode(bson.encode(token)).decode() if token else ""


def _decode(token: str) -> Any:
    try:
        return bson.decode(base64.urlsafe_b64decode(token.encode()))
    except (ValueError, bson.errors.BSONError) as error:
        raise _wrong_token() from error
