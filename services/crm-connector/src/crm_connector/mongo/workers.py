"""The collection `workers`: under which name the process at an address leases work."""

from typing import Any

from pymongo.database import Database

from crm_connector.mongo.client import mapped_errors


class MongoWorkers:
    """Reads and writes the names. StoreUnavailableError when MongoDB does not answer."""

    def __init__(self, db: Database[dict[str, Any]]) -> None:
        self._collection = db.workers

    def take_over(self, address: str, worker_id: str) -> str:
        """Note who is at an address from now on: who was there before, empty if nobody."""
        with mapped_errors():
            found = self._collection.find_one({"_id": address})
            self._collection.update_one({"_id": address}, {"$set": {"worker_id": worker_id}}, upsert=True)
        return found["worker_id"] if found else ""
