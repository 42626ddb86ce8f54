"""The collection `planned_records`: what dry runs found, for a week. It holds ids and names of fields, never values."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from pymongo import ASCENDING, ReplaceOne
from pymongo.database import Database

from crm_connector.domain.forecast import PlannedRecord
from crm_connector.mongo.client import mapped_errors, plain


class MongoPlannedRecords:
    """Reads and writes planned records. StoreUnavailableError when MongoDB does not answer."""

    def __init__(self, db: Database[dict[str, Any]]) -> None:
        self._collection = db.planned_records

    def put(self, run_id: str, records: Sequence[PlannedRecord], now: datetime) -> None:
        """Keep what a page of a run came to. Repeatable: the same record is replaced."""
        puts = [
            ReplaceOne({"_id": f"{run_id}/{record.key}"}, _document(run_id, record, now), upsert=True)
            for record in records
        ]
        if puts:
            with mapped_errors():
                self._collection.bulk_write(puts, ordered=False)

    def page(self, run_id: str, outcome: str, after: str, limit: int) -> list[PlannedRecord]:
        """List those of a run after this key; an empty outcome is any."""
        query: dict[str, Any] = {"run_id": run_id} | ({"outcome": outcome} if outcome else {})
        query["_id"] = {"$gt": f"{run_id}/{after}"}
        with mapped_errors():
            found = self._collection.find(query).sort("_id", ASCENDING).limit(limit)
            return [_record(document) for document in found]


def _document(run_id: str, record: PlannedRecord, now: datetime) -> dict[str, Any]:
    document = plain(record)
    del document["key"]
    return document | {"run_id": run_id, "planned_at": now}


def _record(document: dict[str, Any]) -> PlannedRecord:
    key = document["_id"].removeprefix(f"{document['run_id']}/")
    return msgspec.convert(document | {"key": key}, PlannedRecord)
