"""The collection `tombstones`: whose data was erased, as ids and keyed hashes of e-mails (R17, L11)."""

from collections.abc import Iterable
from dataclasses import dataclass

from pymongo import UpdateOne
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database

from lead_store.domain.addresses import address_key, address_keys, former_keys
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
        self._put(tenant_id, [self.identities.hashed(tenant_id, email) for email in emails], session, unfolded=True)

    def add_leads(self, tenant_id: str, lead_ids: Iterable[str], session: ClientSession) -> None:
        """Note that these leads were erased."""
        self._put(tenant_id, [_lead(lead_id) for lead_id in lead_ids], session)

    def has_lead(self, tenant_id: str, lead_id: str) -> bool:
        """Whether a tenant's lead was erased."""
        return self.collection.find_one({"_id": _lead(lead_id), "tenant_id": tenant_id}, {"_id": 1}) is not None

    def _put(self, tenant_id: str, ids: list[str], session: ClientSession, *, unfolded: bool = False) -> None:
        fields = {"tenant_id": tenant_id, **({"unfolded": True} if unfolded else {})}
        updates = [UpdateOne({"_id": _id}, {"$setOnInsert": fields}, upsert=True) for _id in ids]
        if updates:
            self.collection.bulk_write(updates, session=session)

    def of_records(
        self, integration_id: str, record_ids: Iterable[str], session: ClientSession | None = None
    ) -> set[str]:
        """Which of these records are refused."""
        ids = {_record(integration_id, record_id): record_id for record_id in record_ids}
        return {ids[_id] for _id in self._found(ids, session)}

    def of_emails(self, tenant_id: str, addresses: Iterable[str], session: ClientSession | None = None) -> set[str]:
        """The keys of those of these addresses that are refused.

        Earlier versions kept keys with their case folded. Only tombstones of those refuse by such a key.
        """
        hashed, known = self.identities.hashed, set(addresses) - {""}
        keys = {hashed(tenant_id, key): key for key in address_keys(known)}
        former = {(hashed(tenant_id, kept), address_key(one)) for one in known for kept in former_keys(one)}
        found = self._found({*keys, *(_id for _id, _ in former)}, session)
        return {keys[_id] for _id in found if _id in keys} | {key for _id, key in former if found.get(_id) is False}

    def _found(self, ids: Iterable[str], session: ClientSession | None) -> dict[str, bool]:
        """Those of these ids that are there, and whether they were made with case not folded."""
        wanted = list(ids)
        if not wanted:
            return {}
        documents = self.collection.find({"_id": {"$in": wanted}}, {"unfolded": 1}, session=session)
        return {document["_id"]: document.get("unfolded", False) for document in documents}


def _record(integration_id: str, record_id: str) -> str:
    return f"{integration_id}/record/{record_id}"


def _lead(lead_id: str) -> str:
    return f"lead/{lead_id}"
