"""The collection `erasures`: of which erased records the deliveries may still hold events (R17, L11).

An entry is written in the transaction that erases the person, and goes once all deliveries have been looked at.
"""

from collections.abc import Collection as Some
from collections.abc import Mapping
from dataclasses import dataclass

import uuid6
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database

from lead_store.domain.erasure import OpenErasure
from lead_store.domain.rules import Account
from lead_store.mongo.client import Document
from lead_store.mongo.single_writes import limited

AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Erasures:
    """Reads and writes what erasures have left to do."""

    collection: Collection[Document]

    @classmethod
    def of(cls, database: Database[Document]) -> "Erasures":
        """That of a database."""
        return cls(database["erasures"])

    def add(
        self, tenant_id: str, integration_id: str, records: Mapping[Account, Some[str]], session: ClientSession
    ) -> None:
        """Note a person's records, by account. The erasure was reported to this integration."""
        documents = [
            {
                "_id": str(uuid6.uuid7()),
                "tenant_id": tenant_id,
                "integration_id": integration_id,
                "provider": account.provider,
                "account_id": account.account_id,
                "record_ids": sorted(record_ids),
            }
            for account, record_ids in records.items()
            if record_ids
        ]
        if documents:
            self.collection.insert_many(documents, session=session)

    def unfinished(self) -> list[OpenErasure]:
        """Some that are left, the oldest first; of all tenants."""
        return [_open(document) for document in self.collection.find({}).sort("_id", 1).limit(AT_ONCE)]

    @limited
    def finish(self, erasure: OpenErasure) -> None:
        """Note that nothing is left to do for one."""
        self.collection.delete_one({"_id": erasure.erasure_id, "tenant_id": erasure.tenant_id})


def _open(document: Document) -> OpenErasure:
    return OpenErasure(
        document["_id"],
        document["tenant_id"],
        document["integration_id"],
        Account(document["provider"], document["account_id"]),
        frozenset(document["record_ids"]),
    )
