"""The collection `tombstones`: whose data was erased, as ids of records and keyed hashes of e-mails (R17, L11)."""

from collections.abc import Iterable
from dataclasses import dataclass

from pymongo import UpdateOne
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database

from lead_store.mongo.client import Document
from lead_store.mongo.identities import Identities


@dataclass(frozen=True, slots=True)
class Tombstones:
    """Writes and reads tombstones."""

    collection: Collection[Document]
    identities: Identities

    @classmethod
    def of(cls, database: Database[Document], identities: Identities) -> "Tombstones":
        """The tombstones of a database; they hash e-mails as identities do."""
        return cls(database["tombstones"], identities)

    def add_records(
        self, tenant_id: str, integration_id: str, record_ids: Iterable[str], session: ClientSession
    ) -> None:
        """Refuse these records from now on."""
        self._put(tenant_id, [_record(integration_id, record_id) for record_id in record_ids], session)

    def add_emails(self, tenant_id: str, emails: Iterable[str], session: ClientSession) -> None:
        """Refuse these e-mails, given by their keys, from now on."""
        self._put(tenant_id, [self.identities.hashed(tenant_id, email) for email in emails], session)

    def _put(self, tenant_id: str, ids: list[str], session: ClientSession) -> None:
        updates = [UpdateOne({"_id": _id}, {"$set": {"tenant_id": tenant_id}}, upsert=True) for _id in ids]
        if updates:
            self.collection.bulk_write(updates, session=session)

    def of_records(
        self, integration_id: str, record_ids: Iterable[str], session: ClientSession | None = None
    ) -> set[str]:
        """Which of these records are refused."""
        ids = {_record(integration_id, record_id): record_id for record_id in record_ids}
        return {ids[_id] for _id in self._found(ids, session)}

    def of_emails(self, tenant_id: str, spellings: Iterable[str], session: ClientSession | None = None) -> set[str]:
        """Which of these e-mails are refused."""
        ids = {self.identities.hashed(tenant_id, spelling): spelling for spelling in spellings}
        return {ids[_id] for _id in self._found(ids, session)}

    def _found(self, ids: Iterable[str], session: ClientSession | None) -> list[str]:
        wanted = list(ids)
        if not wanted:
            return []
        return [found["_id"] for found in self.collection.find({"_id": {"$in": wanted}}, {"_id": 1}, session=session)]


def _record(integration_id: str, record_id: str) -> str:
    return f"{integration_id}/record/{record_id}"
