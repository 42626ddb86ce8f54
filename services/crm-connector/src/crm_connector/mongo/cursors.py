"""The collection `cursors`.

How far each sweep has come, by the CRM's clock, and where its pass over the archive stands.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymongo.database import Database

from crm_connector.mongo.client import mapped_errors


@dataclass(frozen=True, slots=True)
class BinPass:
    """One pass over the records in a CRM's archive: over those that came there after `since`."""

    since: datetime
    began_at: datetime
    position: str = ""  # where it goes on; empty = it has come to its end


class MongoCursors:
    """Reads and writes cursors."""

    def __init__(self, db: Database[dict[str, Any]]) -> None:
        self._collection = db.cursors

    def get(self, integration_id: str) -> datetime | None:
        """Get the cursor of an integration's sweep; None before the first."""
        cursor: datetime | None = self._find(integration_id).get("modified_at")
        return cursor

    def put(self, integration_id: str, cursor: datetime) -> None:
        """Move it on, never back."""
        self._update(integration_id, {"$max": {"modified_at": cursor}})

    def swept_at(self, integration_id: str) -> datetime | None:
        """When the last sweep that came to its end began; None before the first."""
        at: datetime | None = self._find(integration_id).get("swept_at")
        return at

    def put_swept(self, integration_id: str, at: datetime) -> None:
        """Note that a sweep which began then has come to its end."""
        self._update(integration_id, {"$set": {"swept_at": at}})

    def bin_pass(self, integration_id: str) -> BinPass | None:
        """Get the last pass over the archive; None before the first."""
        found = self._find(integration_id).get("bin")
        return BinPass(found["since"], found["began_at"], found["position"]) if found else None

    def put_bin_pass(self, integration_id: str, at: BinPass) -> None:
        """Keep how far a pass over the archive has come."""
        state = {"since": at.since, "began_at": at.began_at, "position": at.position}
        self._update(integration_id, {"$set": {"bin": state}})

    def delete(self, integration_id: str) -> None:
        """Forget all of an integration; repeatable."""
        with mapped_errors():
            self._collection.delete_one({"_id": integration_id})

    def _find(self, integration_id: str) -> dict[str, Any]:
        with mapped_errors():
            return self._collection.find_one({"_id": integration_id}) or {}

    def _update(self, integration_id: str, update: dict[str, Any]) -> None:
        with mapped_errors():
            self._collection.update_one({"_id": integration_id}, update, upsert=True)
