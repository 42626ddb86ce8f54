"""The collection `runs`: the runs, each with the lease of the process that works it at the moment.

A lease is for one page. The database's clock decides when it ends. Each claim has an owner of its own, so that a page
is not counted twice if its owner lost the lease meanwhile. `until` of a run without an owner is when it was worked
last.
"""

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import msgspec
import pymongo
from pymongo import ASCENDING, DESCENDING
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from crm_connector.domain.errors import NotFoundError, PreconditionError
from crm_connector.domain.run import Run, RunKind, RunState
from crm_connector.mongo.client import mapped_errors, plain
from crm_connector.mongo.integrations import document_of, integration_of

_FIXED = [
    "run_id",
    "tenant_id",
    "integration_id",
    "kind",
    "created_at",
    "request_id",
    "lead_ids",
    "dry_run",
    "proposed",
]
_RUNNING = RunState.RUNNING.value
_NO_OWNER = {"owner": "", "until": datetime.fromtimestamp(0, UTC)}


class MongoRuns:
    """Reads and writes runs. StoreUnavailableError when MongoDB does not answer."""

    def __init__(self, db: Database[dict[str, Any]], lease_seconds: float) -> None:
        """A lease lasts for `lease_seconds`."""
        self._collection = db.runs
        # not every server adds to a date as it is
        self._lease_end = {"$toDate": {"$add": [{"$toLong": "$$NOW"}, int(lease_seconds * 1000)]}}

    def add(self, run: Run) -> None:
        """Store a new one. PreconditionError `run_in_progress` if one of its kind runs, or if its request is known."""
        with mapped_errors():
            try:
                document = _document(run) | {"proposed": _proposed(run)}
                self._collection.insert_one({"_id": run.run_id, **document, **_NO_OWNER})
            except DuplicateKeyError as error:
                message = f"This integration's {run.kind.value} runs already. Wait for it or cancel it."
                raise PreconditionError("run_in_progress", message) from error

    def get(self, tenant_id: str, run_id: str) -> Run:
        """Get one of the tenant's. NotFoundError `run_not_found`."""
        with mapped_errors():
            found = self._collection.find_one({"_id": run_id, "tenant_id": tenant_id})
        if found is None:
            raise NotFoundError("run_not_found", "There is no such run.")
        return _run(found)

    def by_request(self, tenant_id: str, request_id: str) -> Run | None:
        """Get the one that a request started."""
        with mapped_errors():
            found = self._collection.find_one({"tenant_id": tenant_id, "request_id": request_id})
        return None if found is None else _run(found)

    def page(self, tenant_id: str, integration_id: str, kind: RunKind | None, before: str, limit: int) -> list[Run]:
        """List the tenant's before this id, newest first; ids are in the order of their making."""
        query: dict[str, Any] = {"tenant_id": tenant_id}
        query |= {"_id": {"$lt": before}} if before else {}
        query |= {"integration_id": integration_id} if integration_id else {}
        query |= {"kind": kind.value} if kind else {}
        with mapped_errors():
            found = self._collection.find(query, {"lead_ids": 0, "proposed": 0}).sort("_id", DESCENDING).limit(limit)
            return [_run(document) for document in found]

    def claim(self, owner: str, paused: Collection[str]) -> Run | None:
        """Lease the run that was worked longest ago, without those that are paused here; None if none is free."""
        query = {"state": _RUNNING, "_id": {"$nin": list(paused)}}
        free = {"$lte": [{"$toLong": "$until"}, {"$toLong": "$$NOW"}]}
        lease = {"owner": {"$literal": owner}, "until": self._lease_end}
        with mapped_errors():
            for candidate in self._collection.find(query, {"_id": 1}).sort("until", ASCENDING).limit(20):
                key = {"_id": candidate["_id"], "state": _RUNNING, "$expr": free}
                if self._collection.update_one(key, [{"$set": lease}]).modified_count:
                    found = self._collection.find_one({"_id": candidate["_id"], "owner": owner})
                    return None if found is None else _run(found)
        return None

    def keep(self, run: Run, owner: str, *, release: bool) -> bool:
        """Store how far a leased run is, and renew or release its lease. False = it was cancelled or the lease lost."""
        changed: dict[str, Any] = {
            name: {"$literal": value} for name, value in _document(run).items() if name not in _FIXED
        }
        changed["until"] = "$$NOW" if release else self._lease_end
        if run.handed_over or run.state is not RunState.RUNNING:
            changed["lead_ids"] = []
        key = {"_id": run.run_id, "owner": owner, "state": _RUNNING}
        with mapped_errors():
            return self._collection.update_one(key, [{"$set": changed}]).matched_count == 1

    def give_up(self, owners: Collection[str]) -> None:
        """End the leases of these owners, within a second, so that another process may go on at once."""
        with mapped_errors(), pymongo.timeout(1.0):
            self._collection.update_many(
                {"owner": {"$in": list(owners)}, "state": _RUNNING}, [{"$set": {"owner": "", "until": "$$NOW"}}]
            )

    def cancel(self, run_id: str, now: datetime) -> None:
        """End a running one; one that has ended stays as it is."""
        changes = {"state": RunState.CANCELLED.value, "ended_at": now, "reason": "", "lead_ids": []}
        with mapped_errors():
            self._collection.update_one({"_id": run_id, "state": _RUNNING}, {"$set": changes})


def _document(run: Run) -> dict[str, Any]:
    """Build the document without what is proposed, which never changes."""
    return plain(replace(run, proposed=None))


def _proposed(run: Run) -> str:
    """Write what is proposed as text, so that no index and no query looks into it."""
    return msgspec.json.encode(document_of(run.proposed)).decode() if run.proposed else ""


def _run(document: dict[str, Any]) -> Run:
    run, text = msgspec.convert(document | {"proposed": None}, Run), document.get("proposed")
    return replace(run, proposed=integration_of(msgspec.json.decode(text))) if text else run
