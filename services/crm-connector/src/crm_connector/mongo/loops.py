"""How the standing loops of each integration fare: kept beside its cursors, so that it goes when these go."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from pymongo.database import Database

from crm_connector.domain.loops import Loop, LoopState
from crm_connector.mongo.client import mapped_errors

_LONGEST_MESSAGE = 500  # characters


class MongoLoops:
    """Reads and writes states of loops. StoreUnavailableError when MongoDB does not answer."""

    def __init__(self, db: Database[dict[str, Any]]) -> None:
        self._collection = db.cursors

    def put_success(self, integration_id: str, loop: Loop, at: datetime) -> None:
        """Note that a loop succeeded."""
        at_path = f"loops.{loop.value}"
        self._update(
            integration_id, {"$set": {f"{at_path}.succeeded_at": at}, "$unset": {f"{at_path}.failing_since": ""}}
        )

    def put_failure(self, integration_id: str, loop: Loop, at: datetime, reason: str, message: str) -> None:
        """Note that a loop failed; it has been failing since the first failure after its last success."""
        at_path = f"loops.{loop.value}"
        error = {"failed_at": at, "reason": reason, "message": message[:_LONGEST_MESSAGE]}
        fields = {f"{at_path}.{name}": value for name, value in error.items()}
        self._update(integration_id, {"$set": fields, "$min": {f"{at_path}.failing_since": at}})

    def of(self, integration_id: str) -> list[LoopState]:
        """Give the loops of an integration that have run, in the order of `Loop`."""
        with mapped_errors():
            found = self._collection.find_one({"_id": integration_id}, {"loops": 1}) or {}
        return _states(found)

    def of_each(self, integration_ids: Collection[str]) -> dict[str, list[LoopState]]:
        """Give the loops of these integrations that have run, by integration."""
        with mapped_errors():
            found = list(self._collection.find({"_id": {"$in": list(integration_ids)}}, {"loops": 1}))
        return {document["_id"]: _states(document) for document in found}

    def _update(self, integration_id: str, update: dict[str, Any]) -> None:
        with mapped_errors():
            self._collection.update_one({"_id": integration_id}, update, upsert=True)


def _states(document: dict[str, Any]) -> list[LoopState]:
    found = document.get("loops", {})
    return [LoopState(loop, **found[loop.value]) for loop in Loop if loop.value in found]
