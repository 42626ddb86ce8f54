"""The collection `identities`: one document per tenant and key: two commits cannot both see no match (R16)."""

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass

from pymongo import UpdateOne
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database

from lead_store.mongo.client import Document


@dataclass(frozen=True, slots=True)
class Identities:
    """Owns the keys of people for the time of a transaction. Without the secret a hash does not show whose it is."""

    collection: Collection[Document]
    key: bytes

    @classmethod
    def of(cls, database: Database[Document], key: bytes) -> "Identities":
        """The identities of a database."""
        return cls(database["identities"], key)

    def own(self, tenant_id: str, keys: Iterable[str], session: ClientSession) -> None:
        """Write the identities, which makes any other transaction on one of them fail or wait."""
        wanted = sorted({self.hashed(tenant_id, key) for key in keys})
        if wanted:
            updates = [UpdateOne({"_id": _id}, {"$inc": {"uses": 1}}, upsert=True) for _id in wanted]
            self.collection.bulk_write(updates, session=session)

    def hashed(self, tenant_id: str, person: str) -> str:
        """The keyed hash of an e-mail or another key of a person, as an id."""
        digest = hmac.new(self.key, f"{tenant_id}\0{person}".encode(), hashlib.sha256).hexdigest()
        return f"{tenant_id}/{digest}"

    def __repr__(self) -> str:
        return "Identities(…)"
