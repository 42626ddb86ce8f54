"""The collection `subscriptions`: what was last ensured of an app's webhooks. Apps belong to no tenant."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from pymongo.database import Database

from crm_connector.crm import CrmSubscription
from crm_connector.mongo.client import mapped_errors


class MongoSubscriptions:
    """Reads and writes the state of apps."""

    def __init__(self, db: Database[dict[str, Any]]) -> None:
        self._collection = db.subscriptions

    def put(self, provider: str, app_id: str, url: str, subscriptions: Sequence[CrmSubscription]) -> None:
        """Keep the state of an app."""
        document = {
            "url": url,
            "ensured_at": datetime.now(UTC),
            "subscriptions": [
                {"id": s.subscription_id, "event": s.event, "property": s.property, "active": s.active}
                for s in subscriptions
            ],
        }
        with mapped_errors():
            self._collection.update_one({"_id": f"{provider}:{app_id}"}, {"$set": document}, upsert=True)

    def get(self, provider: str, app_id: str) -> list[CrmSubscription]:
        """Get the last known state; empty if none."""
        with mapped_errors():
            found = self._collection.find_one({"_id": f"{provider}:{app_id}"})
        if found is None:
            return []
        return [CrmSubscription(s["id"], s["event"], s["property"], active=s["active"]) for s in found["subscriptions"]]

    def url(self, provider: str, app_id: str) -> str:
        """Get where we last let an app send its webhooks; empty if we never did."""
        with mapped_errors():
            found = self._collection.find_one({"_id": f"{provider}:{app_id}"}, {"url": True})
        return found["url"] if found else ""

    def delete(self, provider: str, app_id: str) -> None:
        """Forget an app; repeatable."""
        with mapped_errors():
            self._collection.delete_one({"_id": f"{provider}:{app_id}"})
