"""The collection `cursors`: how far each sweep has come, by the CRM's clock."""

from datetime import datetime
from typing import Any

from pymongo.database import Database

from crm_connector.mongo.client import mapped_errors


class MongoCursors:
    """Reads and writes cursors."""

    def __init__(self, db: Database[dict[str, Any]]) -> None:
        self._collection = db.cursors

    def get(self, integration_id: str) -> datetime | None:
        """Get the cursor of an integration's sweep; None before the first."""
        with mapped_errors():
            found = self._collection.find_one({"_id": integration_id})
        if found is None:
            return None
        modified_at: datetime = found["modified_at"]
        return modified_at

    def put(self, integration_id: str, cursor: datetime) -> None:
        """Move it on, never back."""
        with mapped_errors():
            self._collection.update_one({"_id": integration_id}, {"$max": {"modified_at": cursor}}, upsert=True)

    def delete(self, integration_id: str) -> None:
        """Forget it; repeatable."""
        with mapped_errors():
            self._collection.delete_one({"_id": integration_id})
