"""The collection `cursors`: how far each integration has been read, by the CRM's clock.

That is its sweep, the pass over its removed records, its stream, and when its subscription ends.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymongo.database import Database

from crm_connector.mongo.client import mapped_errors


@dataclass(frozen=True, slots=True)
class RemovedPass:
    """One pass over the removed records of a CRM: over those that were removed after `since`."""

    since: datetime
    began_at: datetime
    position: str = ""  # where it goes on; empty = it is complete
    pages: int = 0  # read so far


@dataclass(frozen=True, slots=True)
class StreamPosition:
    """Up to where a topic has been read, and when that was stored. `failed` = the last read did not succeed."""

    topic: str
    position: str
    at: datetime
    failed: bool = False


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

    def removed_pass(self, integration_id: str) -> RemovedPass | None:
        """Get the last pass over the removed records; None before the first."""
        found = self._find(integration_id).get("removed")
        if not found:
            return None
        return RemovedPass(found["since"], found["began_at"], found["position"], found.get("pages", 0))

    def put_removed_pass(self, integration_id: str, at: RemovedPass) -> None:
        """Keep how far a pass over the removed records is."""
        state = {"since": at.since, "began_at": at.began_at, "position": at.position, "pages": at.pages}
        self._update(integration_id, {"$set": {"removed": state}})

    def stream(self, integration_id: str) -> StreamPosition | None:
        """Get the position in the integration's stream; None before the first."""
        found = self._find(integration_id).get("stream")
        return StreamPosition(found["topic"], found["position"], found["at"], found["failed"]) if found else None

    def put_stream(self, integration_id: str, position: StreamPosition) -> None:
        """Keep the position in the integration's stream."""
        state = {"topic": position.topic, "position": position.position, "at": position.at, "failed": position.failed}
        self._update(integration_id, {"$set": {"stream": state}})

    def subscription_end(self, integration_id: str) -> datetime | None:
        """Get when the integration's subscription ends; None = never, or it has none."""
        at: datetime | None = self._find(integration_id).get("subscription_end")
        return at

    def put_subscription_end(self, integration_id: str, at: datetime | None) -> None:
        """Keep when the integration's subscription ends."""
        self._update(integration_id, {"$set": {"subscription_end": at}})

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
