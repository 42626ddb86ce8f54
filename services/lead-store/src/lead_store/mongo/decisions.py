"""The collection `decisions`: one document per accepted change. A "nothing to do" leaves none."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import uuid6
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database

from lead_store.domain.verdict import FieldChange
from lead_store.mongo.client import Document
from lead_store.mongo.names import encode_keys


@dataclass(frozen=True, slots=True)
class Entry:
    """One decision: what was concluded on which pair, by whom, and which values gave way to which."""

    tenant_id: str
    lead_id: str
    outcome: str
    at: datetime
    actor: str
    integration_id: str = ""
    record_id: str = ""
    reason: str = ""
    fields: Mapping[str, FieldChange] | None = None


@dataclass(frozen=True, slots=True)
class Decisions:
    """Writes decisions."""

    collection: Collection[Document]

    @classmethod
    def of(cls, database: Database[Document]) -> "Decisions":
        """The decisions of a database."""
        return cls(database["decisions"])

    def insert(self, entries: Iterable[Entry], session: ClientSession) -> None:
        """Keep decisions."""
        documents = [_document(entry) for entry in entries]
        if documents:
            self.collection.insert_many(documents, session=session)


def _document(entry: Entry) -> Document:
    changes = entry.fields or {}
    return {
        "_id": str(uuid6.uuid7()),
        "tenant_id": entry.tenant_id,
        "lead_id": entry.lead_id,
        "integration_id": entry.integration_id,
        "record_id": entry.record_id,
        "outcome": entry.outcome,
        "reason": entry.reason,
        "actor": entry.actor,
        "at": entry.at,
        "fields": encode_keys({name: [change.side, change.before, change.after] for name, change in changes.items()}),
    }
