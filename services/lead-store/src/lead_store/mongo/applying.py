"""Changed rules on their way through an integration's work items.

Which run, and how far it has come, kept in the target.

The work items are made due a part at a time, since looking for due work grows slower with the number due.
"""

from collections.abc import Collection as Some
from dataclasses import dataclass

from pymongo import UpdateOne
from pymongo.collection import Collection
from pymongo.database import Database

from lead_store.domain.rules import Target
from lead_store.mongo.client import Document
from lead_store.mongo.work_item_updates import set_aside

AT_ONCE = 300  # work items that are made due together: enough for a worker, and soon done


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run has come: work items in all, work items still to be made due, and the last one that was."""

    integration_id: str
    run_id: str
    queued: int
    left: int
    after: str | None  # None = its end


@dataclass(frozen=True, slots=True)
class Applying:
    """Reads and writes progress, and makes work items due."""

    targets: Collection[Document]
    work_items: Collection[Document]

    @classmethod
    def of(cls, database: Database[Document]) -> "Applying":
        """That of a database."""
        return cls(database["targets"], database["work_items"])

    def get(self, integration_id: str) -> Progress | None:
        """How far the last run of an integration is; None if there was none."""
        return _progress(self.targets.find_one({"_id": integration_id}, {"applying": 1}))

    def begin(self, target: Target, run_id: str) -> None:
        """Begin to apply what a target says (R19), unless that has begun. A run on its way ends: this one does all."""
        changed = {"_id": target.integration_id, "revision": target.revision, "applied": {"$ne": target.fingerprint}}
        if self.targets.find_one(changed, {"_id": 1}) is None:
            return
        work_items = self.work_items.count_documents(_work_items_of(target.integration_id))
        run = {"run_id": run_id, "queued": work_items, "left": work_items, "after": ""}
        self.targets.update_one(changed, {"$set": {"applied": target.fingerprint, "applying": run}})
        self.go_on([target.integration_id])

    def go_on(self, integration_ids: Some[str]) -> str:
        """Make the next work items due of a run of one of these integrations.

        Which integration, empty if there is none.

        Twice the same part is harmless, and counts once.
        """
        query = {"_id": {"$in": list(integration_ids)}, "applying.after": {"$type": "string"}}
        run = _progress(self.targets.find_one(query, {"applying": 1}))
        if run is None:
            return ""
        told = self._make_due(run)
        after = told[-1] if len(told) == AT_ONCE else None
        left = max(0, run.left - len(told)) if after is not None else 0
        here = {"_id": run.integration_id, "applying.run_id": run.run_id, "applying.after": run.after}
        self.targets.update_one(here, {"$set": {"applying.after": after, "applying.left": left}})
        return run.integration_id

    def stop(self, integration_id: str, run_id: str) -> int:
        """Make no further work items due for a run; how many would have been."""
        run = self.get(integration_id)
        if run is None or run.run_id != run_id:
            return 0
        ended = {"applying.after": None, "applying.left": 0}
        self.targets.update_one({"_id": integration_id, "applying.run_id": run_id}, {"$set": ended})
        return run.left

    def _make_due(self, run: Progress) -> list[str]:
        """Make the next work items due, by id. Live work stays live, that of other runs becomes this one's."""
        found = self.work_items.find(_work_items_of(run.integration_id, run.after or ""), {"_id": 1}).sort("_id", 1)
        ids = [document["_id"] for document in found.limit(AT_ONCE)]
        is_live = {"$and": [{"$eq": [{"$type": "$due_at"}, "date"]}, {"$eq": ["$run_id", ""]}]}
        due: Document = {"version": {"$add": ["$version", 1]}, "due_at": {"$ifNull": ["$due_at", "$$NOW"]}}
        due |= {"set_aside": set_aside(), "failed_at": None, "first_failed_at": None, "attempts": 0}
        due["run_id"] = {"$cond": [is_live, "", {"$literal": run.run_id}]}
        if ids:
            self.work_items.bulk_write(
                [UpdateOne({"_id": work_item}, [{"$set": due}]) for work_item in ids], ordered=False
            )
        return ids


def _work_items_of(integration_id: str, after: str = "") -> Document:
    return {"_id": {"$gt": after or f"{integration_id}/", "$lt": f"{integration_id}0"}}  # "0" comes next to "/"


def _progress(document: Document | None) -> Progress | None:
    found = (document or {}).get("applying")
    return Progress(document["_id"], **found) if document and found else None
