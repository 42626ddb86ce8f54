"""The collection `sign_in_codes`: which one-time codes of the console were used, until they would have ended."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from lead_store.mongo.client import Document
from lead_store.mongo.single_writes import limited

SPARE = timedelta(hours=1)  # the clocks of gateways may differ


@dataclass(frozen=True, slots=True)
class SignInCodes:
    """Notes used codes."""

    collection: Collection[Document]

    @classmethod
    def of(cls, database: Database[Document]) -> "SignInCodes":
        """Those of a database."""
        return cls(database["sign_in_codes"])

    @limited
    def spend(self, tenant_id: str, code_id: str, expires_at: datetime) -> bool:
        """Note that a code is used; False if it was used before."""
        document = {"_id": f"{tenant_id}/{code_id}", "tenant_id": tenant_id, "expires_at": expires_at + SPARE}
        try:
            self.collection.insert_one(document)
        except DuplicateKeyError:
            return False
        return True
