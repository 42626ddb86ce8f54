"""The collection `lead_fields`: the custom fields that tenants declared.

One document holds all declarations of a tenant, so that their limits hold when two are made at once.
"""

from dataclasses import dataclass

from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from lead_store.domain.lead_fields import LeadField, TenantFields
from lead_store.domain.values import FieldType
from lead_store.mongo.client import Document
from lead_store.mongo.names import decode_keys, encode_key


@dataclass(frozen=True, slots=True)
class LeadFields:
    """Reads and writes declarations."""

    collection: Collection[Document]

    @classmethod
    def of(cls, database: Database[Document]) -> "LeadFields":
        """The declarations of a database."""
        return cls(database["lead_fields"])

    def get(self, tenant_id: str, session: ClientSession | None = None) -> TenantFields:
        """The fields of a tenant; one that never declared any has revision 0."""
        document = self.collection.find_one({"_id": tenant_id}, session=session)
        return _fields(document) if document else TenantFields()

    def replace(self, tenant_id: str, before: TenantFields, after: TenantFields, session: ClientSession) -> bool:
        """Store `after` if `before` is still what is there.

        The document stays when its last field is removed, so that no revision is used twice.
        """
        document = _document(after)
        if before.revision:
            known = {"_id": tenant_id, "revision": before.revision}
            return self.collection.update_one(known, {"$set": document}, session=session).matched_count == 1
        try:
            self.collection.insert_one({"_id": tenant_id, **document}, session=session)
        except DuplicateKeyError:
            return False
        return True


def _document(fields: TenantFields) -> Document:
    return {
        "revision": fields.revision,
        "fields": {
            encode_key(name): {
                "label": one.label,
                "type": one.kind.value,
                "options": list(one.options),
                "revision": one.revision,
            }
            for name, one in fields.declared.items()
        },
    }


def _fields(document: Document) -> TenantFields:
    declared = {
        name: LeadField(name, one["label"], FieldType(one["type"]), tuple(one["options"]), revision=one["revision"])
        for name, one in decode_keys(document["fields"]).items()
    }
    return TenantFields(declared, document["revision"])
