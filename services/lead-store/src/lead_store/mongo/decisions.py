"""The collection `decisions`: one document per accepted change. A "nothing to do" leaves none."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import uuid6
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database

from lead_store.domain.decision import FieldChange
from lead_store.domain.history import Entry
from lead_store.mongo.client import Document
from lead_store.mongo.lists import read_page
from lead_store.mongo.names import decode_keys, encode_key, encode_keys


@dataclass(frozen=True, slots=True)
class Decisions:
    """Writes and reads decisions."""

    collection: Collection[Document]

    @classmethod
    def of(cls, database: Database[Document]) -> "Decisions":
        """The decisions of a database."""
        return cls(database["decisions"])

    def insert(self, entries: Iterable[Entry], session: ClientSession) -> list[str]:
        """Keep decisions; answers their ids."""
        documents = [_document(entry, str(uuid6.uuid7())) for entry in entries]
        if documents:
            self.collection.insert_many(documents, session=session)
        return [document["_id"] for document in documents]

    def drop_lead(self, tenant_id: str, lead_id: str, session: ClientSession) -> None:
        """Remove all decisions on an erased lead: they hold its values."""
        self.collection.delete_many({"tenant_id": tenant_id, "lead_id": lead_id}, session=session)

    def get(self, tenant_id: str, decision_id: str) -> Entry | None:
        """A tenant's decision."""
        document = self.collection.find_one({"_id": decision_id, "tenant_id": tenant_id})
        return _entry(document) if document else None

    def of_lead(self, tenant_id: str, lead_id: str, name: str, before: str, limit: int) -> Iterator[Entry]:
        """Decisions on a lead, newest first, before the one that ended the page before; `name` = only of this field.

        They are read as they are asked for.
        """
        query: Document = {"tenant_id": tenant_id, "lead_id": lead_id}
        if before:
            query["_id"] = {"$lt": before}
        if name:
            query[f"fields.{encode_key(name)}"] = {"$exists": True}
        return map(_entry, read_page(self.collection.find(query).sort("_id", -1), limit))


def _document(entry: Entry, decision_id: str) -> Document:
    return {
        "_id": decision_id,
        "tenant_id": entry.tenant_id,
        "lead_id": entry.lead_id,
        "integration_id": entry.integration_id,
        "record_id": entry.record_id,
        "outcome": entry.outcome,
        "reason": entry.reason,
        "event_source": entry.event_source,
        "actor": entry.actor,
        "at": entry.at,
        "fields": encode_keys({n: [one.side, one.before, one.after, one.because] for n, one in entry.fields.items()}),
    }


def _entry(document: Document) -> Entry:
    names = {"tenant_id", "lead_id", "integration_id", "record_id", "outcome", "reason", "event_source", "actor", "at"}
    fields = {name: FieldChange(*values) for name, values in decode_keys(document["fields"]).items()}
    return Entry(decision_id=document["_id"], fields=fields, **{name: document[name] for name in names})
