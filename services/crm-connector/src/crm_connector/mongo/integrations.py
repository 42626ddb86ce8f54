"""The collection `integrations`: one document per connected account, its credential sealed inside."""

from collections.abc import Mapping
from typing import Any

import msgspec
from pymongo import ASCENDING
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from crm_connector.domain.errors import ExistsError, NotFoundError, StaleEtagError
from crm_connector.domain.integration import Integration
from crm_connector.mongo.client import mapped_errors, plain
from crm_connector.mongo.old_policies import with_policy


class MongoIntegrations:
    """Reads and writes integrations. StoreUnavailableError when MongoDB does not answer."""

    def __init__(self, db: Database[dict[str, Any]]) -> None:
        self._collection = db.integrations

    def add(self, integration: Integration, sealed: bytes) -> None:
        """Store a new one. ExistsError `account_connected`, also if only the request id is known."""
        document = {"_id": integration.integration_id, **_document(integration), "credential": sealed}
        if integration.request_id:
            document["request_id"] = integration.request_id
        with mapped_errors():
            try:
                self._collection.insert_one(document)
            except DuplicateKeyError as error:
                message = "This CRM account is connected already. Disconnect it first."
                raise ExistsError("account_connected", message) from error

    def get(self, tenant_id: str, integration_id: str) -> Integration:
        """Get one of the tenant's; one that is being deleted is gone. NotFoundError `integration_not_found`."""
        with mapped_errors():
            found = self._collection.find_one({"_id": integration_id, "tenant_id": tenant_id, "deleting": False})
        if found is None:
            raise _missing()
        return _integration(found)

    def find(self, integration_id: str) -> Integration | None:
        """Get one of any tenant; None if it is gone."""
        with mapped_errors():
            found = self._collection.find_one({"_id": integration_id})
        return None if found is None else _integration(found)

    def by_request(self, tenant_id: str, request_id: str) -> Integration | None:
        """Get the one that a request made."""
        with mapped_errors():
            found = self._collection.find_one({"tenant_id": tenant_id, "request_id": request_id})
        return None if found is None else _integration(found)

    def page(self, tenant_id: str, after: str, limit: int) -> list[Integration]:
        """List the tenant's after this id; their ids are in the order of creation."""
        query = {"tenant_id": tenant_id, "_id": {"$gt": after}, "deleting": False}
        with mapped_errors():
            return [_integration(found) for found in self._collection.find(query).sort("_id", ASCENDING).limit(limit)]

    def all(self) -> list[Integration]:
        """List all of them, those being deleted included."""
        with mapped_errors():
            return [_integration(found) for found in self._collection.find({}).sort("_id", ASCENDING)]

    def of_app(self, provider: str, app_id: str) -> list[Integration]:
        """List those of one app that are not being deleted."""
        query = {"provider": provider, "app_id": app_id, "deleting": False}
        with mapped_errors():
            return [_integration(found) for found in self._collection.find(query)]

    def replace(self, integration: Integration, expected_revision: int, sealed: bytes | None = None) -> None:
        """Store a change made on the expected revision, else StaleEtagError."""
        changes = _document(integration) | ({"credential": sealed} if sealed is not None else {})
        query = {"_id": integration.integration_id, "revision": expected_revision, "deleting": False}
        with mapped_errors():
            matched = self._collection.update_one(query, {"$set": changes}).matched_count
        if not matched:
            self.get(integration.tenant_id, integration.integration_id)
            raise StaleEtagError

    def mark_deleting(self, tenant_id: str, integration_id: str) -> Integration:
        """Start a deletion, or go on with one that has begun. NotFoundError `integration_not_found`."""
        key = {"_id": integration_id, "tenant_id": tenant_id}
        with mapped_errors():
            self._collection.update_one(
                key | {"deleting": False}, {"$set": {"deleting": True}, "$inc": {"revision": 1}}
            )
            found = self._collection.find_one(key)
        if found is None:
            raise _missing()
        return _integration(found)

    def delete(self, integration_id: str) -> None:
        """Delete the document; repeatable."""
        with mapped_errors():
            self._collection.delete_one({"_id": integration_id})

    def sealed(self, integration_id: str) -> bytes:
        """Get the sealed credential. NotFoundError if it is gone."""
        with mapped_errors():
            found = self._collection.find_one({"_id": integration_id}, {"credential": 1})
        if found is None:
            raise _missing()
        return bytes(found["credential"])

    def all_sealed(self) -> list[bytes]:
        """Get the sealed credentials of all integrations."""
        with mapped_errors():
            return [bytes(found["credential"]) for found in self._collection.find({}, {"credential": 1})]

    def reseal(self, integration_id: str, expected: bytes, sealed: bytes) -> bool:
        """Replace the sealed credential; False if somebody else has, or the integration is gone."""
        with mapped_errors():
            update = {"$set": {"credential": sealed}}
            return (
                self._collection.update_one({"_id": integration_id, "credential": expected}, update).matched_count > 0
            )


def _missing() -> NotFoundError:
    return NotFoundError("integration_not_found", "There is no such integration.")


def document_of(integration: Integration) -> dict[str, Any]:
    """Build a document. What belongs to a field is in a list, since names of fields hold dots."""
    document = plain(integration)
    per_field = {name: document.pop(name) for name in ("mapping", "transforms", "types", "kinds")}
    mapping = [
        {"field": field, "property": name, "type": per_field["types"].get(field), "kind": per_field["kinds"].get(field)}
        for field, name in sorted(per_field["mapping"].items())
    ]
    transforms = [{"field": field, "steps": steps} for field, steps in sorted(per_field["transforms"].items())]
    return document | {"policy": integration.policy.text, "mapping": mapping, "transforms": transforms}


def integration_of(document: Mapping[str, Any]) -> Integration:
    """Read a document."""
    found = with_policy(document)
    entries = found["mapping"]
    found["mapping"] = {entry["field"]: entry["property"] for entry in entries}
    found["types"] = {entry["field"]: entry["type"] for entry in entries if entry.get("type")}
    found["kinds"] = {entry["field"]: entry["kind"] for entry in entries if entry.get("kind")}
    found["transforms"] = {entry["field"]: entry["steps"] for entry in found.get("transforms", [])}
    return msgspec.convert(found | {"policy": {"text": found["policy"]}}, Integration)


def _document(integration: Integration) -> dict[str, Any]:
    """Build the document without its ids and credential."""
    document = document_of(integration)
    del document["integration_id"], document["request_id"]
    return document


def _integration(document: dict[str, Any]) -> Integration:
    return integration_of(document | {"integration_id": document["_id"]})
