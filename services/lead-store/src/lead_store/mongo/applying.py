"""How far an integration's changed settings have been applied, kept in its target."""

from collections.abc import Collection as Some
from dataclasses import dataclass

from pymongo.collection import Collection
from pymongo.database import Database

from lead_store.domain.applying import Progress
from lead_store.domain.rules import Target
from lead_store.mongo.client import Document
from lead_store.mongo.single_writes import limited


@dataclass(frozen=True, slots=True)
class Applying:
    """Reads and writes progress."""

    targets: Collection[Document]

    @classmethod
    def of(cls, database: Database[Document]) -> "Applying":
        """That of a database."""
        return cls(database["targets"])

    def get(self, integration_id: str) -> Progress | None:
        """How far the last run of an integration is; None if there was none."""
        return _progress(self.targets.find_one({"_id": integration_id}, {"applying": 1}))

    def under_way(self, integration_ids: Some[str]) -> Progress | None:
        """A run of one of these integrations that is not over; None if there is none."""
        query = {"_id": {"$in": list(integration_ids)}, "applying.after": {"$type": "string"}}
        return _progress(self.targets.find_one(query, {"applying": 1}))

    def needs_run(self, target: Target) -> bool:
        """Whether what this revision of a target says has not begun to be applied."""
        return self.targets.find_one(_unapplied(target), {"_id": 1}) is not None

    @limited
    def start(self, target: Target, run: Progress) -> None:
        """Note that a run has begun for a target, unless another process has noted one."""
        update = {"applied": target.fingerprint, "applying": _document(run)}
        self.targets.update_one(_unapplied(target), {"$set": update})

    @limited
    def move(self, before: Progress, after: Progress) -> None:
        """Note how far a run has come, unless another process has noted that."""
        here = {"_id": before.integration_id, "applying.run_id": before.run_id, "applying.after": before.after}
        self.targets.update_one(here, {"$set": {"applying.after": after.after, "applying.left": after.left}})

    @limited
    def stop(self, integration_id: str, run_id: str) -> None:
        """Note that a run is over."""
        ended = {"applying.after": None, "applying.left": 0}
        self.targets.update_one({"_id": integration_id, "applying.run_id": run_id}, {"$set": ended})


def _unapplied(target: Target) -> Document:
    return {"_id": target.integration_id, "revision": target.revision, "applied": {"$ne": target.fingerprint}}


def _document(run: Progress) -> Document:
    return {"run_id": run.run_id, "queued": run.queued, "left": run.left, "after": run.after}


def _progress(document: Document | None) -> Progress | None:
    found = (document or {}).get("applying")
    return Progress(document["_id"], **found) if document and found else None
