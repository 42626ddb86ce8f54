"""The collection `integrations`: one document per connected account, its credential sealed inside."""

from dataclasses import replace
from typing import Any

from pymongo import ASCENDING
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from crm_connector.domain.errors import ExistsError, NotFoundError, StaleEtagError
from crm_connector.domain.integration import (
    BlankRule,
    CredentialKind,
    Direction,
    FieldRule,
    Integration,
    MergeRule,
)
from crm_connector.mongo.client import mapped_errors


class MongoIntegrations:
    """Implements IntegrationRepository."""

    def __init__(self, db: Database[dict[str, Any]]) -> None:
        self._collection = db.integrations

    def add(self, integration: Integration, sealed: bytes) -> None:
        """Keep a new one."""
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
        """Get one of the tenant's; one that is being deleted is gone."""
        with mapped_errors():
            found = self._collection.find_one({"_id": integration_id, "tenant_id": tenant_id, "deleting": False})
        if found is None:
            raise _missing()
        return _integration(found)

    def find(self, integration_id: str) -> Integration | None:
        """Get one of any tenant."""
        with mapped_errors():
            found = self._collection.find_one({"_id": integration_id})
        return None if found is None else _integration(found)

    def by_request(self, tenant_id: str, request_id: str) -> Integration | None:
        """Get the one that a request made."""
        with mapped_errors():
            found = self._collection.find_one({"tenant_id": tenant_id, "request_id": request_id})
        return None if found is None else _integration(found)

    def page(self, tenant_id: str, after: str, limit: int) -> list[Integration]:
        """List the tenant's; their ids are in the order of their making."""
        query = {"tenant_id": tenant_id, "_id": {"$gt": after}, "deleting": False}
        with mapped_errors():
            return [_integration(found) for found in self._collection.find(query).sort("_id", ASCENDING).limit(limit)]

    def all(self) -> list[Integration]:
        """List all of them."""
        with mapped_errors():
            return [_integration(found) for found in self._collection.find({}).sort("_id", ASCENDING)]

    def of_app(self, provider: str, app_id: str) -> list[Integration]:
        """List those of one app."""
        query = {"provider": provider, "app_id": app_id, "deleting": False}
        with mapped_errors():
            return [_integration(found) for found in self._collection.find(query)]

    def replace(self, integration: Integration, expected_revision: int, sealed: bytes | None = None) -> None:
        """Store a change made on the expected revision."""
        changes = _document(integration) | ({"credential": sealed} if sealed is not None else {})
        query = {"_id": integration.integration_id, "revision": expected_revision, "deleting": False}
        with mapped_errors():
            matched = self._collection.update_one(query, {"$set": changes}).matched_count
        if not matched:
            self.get(integration.tenant_id, integration.integration_id)
            raise StaleEtagError

    def mark_deleting(self, tenant_id: str, integration_id: str) -> Integration | None:
        """Start a deletion."""
        key = {"_id": integration_id, "tenant_id": tenant_id}
        with mapped_errors():
            self._collection.update_one(
                key | {"deleting": False}, {"$set": {"deleting": True}, "$inc": {"revision": 1}}
            )
            found = self._collection.find_one(key)
        return None if found is None else _integration(found)

    def delete(self, integration_id: str) -> None:
        """Delete the document."""
        with mapped_errors():
            self._collection.delete_one({"_id": integration_id})

    def sealed(self, integration_id: str) -> bytes:
        """Get the sealed credential."""
        with mapped_errors():
            found = self._collection.find_one({"_id": integration_id}, {"credential": 1})
        if found is None:
            raise _missing()
        return bytes(found["credential"])

    def reseal(self, integration_id: str, expected: bytes, sealed: bytes) -> None:
        """Replace the sealed credential, unless somebody else has."""
        with mapped_errors():
            self._collection.update_one(
                {"_id": integration_id, "credential": expected}, {"$set": {"credential": sealed}}
            )


def _missing() -> NotFoundError:
    return NotFoundError("integration_not_found", "There is no such integration.")


def _document(integration: Integration) -> dict[str, Any]:
    """Build the document without its id, request id and credential. The mapping is a list: its fields hold dots."""
    return {
        "tenant_id": integration.tenant_id,
        "provider": integration.provider,
        "account_id": integration.account_id,
        "app_id": integration.app_id,
        "credential_kind": integration.credential_kind.value,
        "direction": integration.direction.value,
        "mapping": [{"field": field, "property": name} for field, name in sorted(integration.mapping.items())],
        "rules": [{"field": r.field, "rule": r.rule.value, "blank": r.blank.value} for r in integration.rules],
        "paused": integration.paused,
        "webhooks_enabled": integration.webhooks_enabled,
        "revision": integration.revision,
        "time_zone": integration.time_zone,
        "deleting": integration.deleting,
        "created_at": integration.created_at,
    }


def _integration(document: dict[str, Any]) -> Integration:
    bare = Integration(
        integration_id=document["_id"],
        tenant_id=document["tenant_id"],
        provider=document["provider"],
        account_id=document["account_id"],
        app_id=document["app_id"],
        credential_kind=CredentialKind(document["credential_kind"]),
        direction=Direction(document["direction"]),
        mapping={entry["field"]: entry["property"] for entry in document["mapping"]},
        created_at=document["created_at"],
    )
    return replace(
        bare,
        rules=tuple(FieldRule(r["field"], MergeRule(r["rule"]), BlankRule(r["blank"])) for r in document["rules"]),
        paused=document["paused"],
        webhooks_enabled=document["webhooks_enabled"],
        revision=document["revision"],
        request_id=document.get("request_id", ""),
        time_zone=document["time_zone"],
        deleting=document["deleting"],
    )
