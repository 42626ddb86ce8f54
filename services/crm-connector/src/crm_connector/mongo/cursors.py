"""The collection `cursors`: how far each sweep is, by the CRM's clock, and how far the pass over the archive is."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymongo.database import Database

from crm_connector.mongo.client import mapped_errors


@dataclass(frozen=True, slots=True)
class ArchivePass:
    """One pass over a CRM's archive: over the records that were archived after `since`."""

    since: datetime
    began_at: datetime
    position: str = ""  # where it goes on; empty = it is complete


class MongoCursors:
    """Reads and writes cursors."""

    def __init__(self, db: Database[dict[str, Any]]) -> None:
        self._collection = db.cursors

    def get(self, integration_id: str) -> datetime | None:
        """Get the cursor of an integration's sweep; None before the first."""
        cursor: datetime | None = self._find(integration_id).get("modified_at")
        return cursor

    def put(self, integration_id: str, cursor: datetime) -> None:
        """Move it forward, never back."""
        self._update(integration_id, {"$max": {"modified_at": cursor}})

    def swept_at(self, integration_id: str) -> datetime | None:
        """When the last complete sweep began; None before the first."""
        at: datetime | None = self._find(integration_id).get("swept_at")
        return at

    def put_swept(self, integration_id: str, at: datetime) -> None:
        """Note that a sweep which began then is complete."""
        self._update(integration_id, {"$set": {"swept_at": at}})

    def archive_pass(self, integration_id: str) -> ArchivePass | None:
        """Get the last pass over the archive; None before the first."""
        found = self._find(integration_id).get("archive")
        return ArchivePass(found["since"], found["began_at"], found["position"]) if found else None

    def put_archive_pass(self, integration_id: str, at: ArchivePass) -> None:
        """Keep how far a pass over the archive is."""
        state = {"since": at.since, "began_at": at.began_at, "position": at.position}
        self._update(integration_id, {"$set": {"archive": state}})

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
