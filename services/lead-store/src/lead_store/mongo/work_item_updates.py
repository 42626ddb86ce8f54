"""What touching, leasing, finishing and making a work item write.

A touch goes to work items that nobody has read. So what depends on their state is asked in the write itself: is it
due, has it failed? The end of a lease knows the state, which was read in its transaction, and sets plain values.
"""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from lead_store.domain.decision import UNDECIDED, Decision, NextStep
from lead_store.domain.work_item import WorkItem, WorkItemTouch
from lead_store.mongo.client import EPOCH, Document, milliseconds
from lead_store.mongo.work_item_documents import notes_document
from lead_store.mongo.work_keys import keys_of


class Claim(NamedTuple):
    """Who leases work items, for how long, and when: a time of the database's clock that has just been read."""

    worker_id: str
    token: str
    at: datetime
    lease: timedelta

    @property
    def until(self) -> datetime:
        """The end of the lease."""
        return self.at + self.lease


def passed(name: str) -> Document:
    """Whether a time lies in the past, by the database's clock."""
    return {"$lte": [{"$toLong": f"${name}"}, {"$toLong": "$$NOW"}]}


def is_time(name: str) -> Document:
    """Whether a field holds a time."""
    return {"$eq": [{"$type": f"${name}"}, "date"]}


def set_aside() -> Document:
    """A failure that a run takes the place of. It is back if the run is dropped before anybody has looked (L10)."""
    kept = {"$cond": [is_time("due_at"), "$set_aside", "$$REMOVE"]}
    return {"$cond": [is_time("failed_at"), {"at": "$failed_at", "reason": "$reason"}, kept]}


def dropped() -> Document:
    """Take a run's work back: the work item is as it was before."""
    failed_at, reason = {"$ifNull": ["$set_aside.at", None]}, {"$ifNull": ["$set_aside.reason", "$reason"]}
    return {"due_at": "$$REMOVE", "run_id": "", "failed_at": failed_at, "reason": reason}


def idle_work_item(touch: WorkItemTouch, now: datetime) -> Document:
    """A new work item that is not due. Its fence is above any that a dropped work item of the same id had."""
    return {
        "tenant_id": touch.tenant_id,
        "integration_id": touch.integration_id,
        "record_id": touch.record_id,
        "lead_id": touch.lead_id,
        "version": 0,
        "fence": int(now.timestamp() * 1000),
        "worker": "",
        "lease_until": EPOCH,
        "attempts": 0,
        "failed_at": None,
        "run_id": "",
    }


def leased_work_item(touch: WorkItemTouch, claim: Claim, *, swept: bool) -> Document:
    """A new work item that is leased from the start."""
    work_item, until = idle_work_item(touch, claim.at), claim.until
    ready = keys_of(touch.tenant_id, touch.integration_id, until)["ready_key"]
    return work_item | {
        "_id": touch.work_item_id,
        "fence": work_item["fence"] + 1,
        "claim": claim.token,
        "worker": claim.worker_id,
        "claimed_version": 0,
        "claims": 1,
        "claimed_at": claim.at,
        "lease_until": until,
        "due_at": until,
        "swept": swept,
        "ready_key": ready,
    }


def touched(touch: WorkItemTouch, *, known: bool = False) -> Document:
    """Make a work item due, and remember what the touch says. `known` = there is one already, so only that changes."""
    wanted = {"$add": [{"$toLong": "$$NOW"}, milliseconds(touch.delay)]}
    earliest = {"$min": [{"$toLong": "$due_at"}, wanted]}
    had_failed = is_time("failed_at")
    is_due = is_time("due_at")  # live work stays live when a run asks for it too
    made: dict[str, Any] = {
        "tenant_id": {"$literal": touch.tenant_id},
        "integration_id": {"$literal": touch.integration_id},
        "record_id": {"$literal": touch.record_id},
        "lead_id": {"$ifNull": ["$lead_id", ""]},
        "fence": {"$ifNull": ["$fence", {"$toLong": "$$NOW"}]},  # above that of a dropped work item of the same id
        "worker": {"$ifNull": ["$worker", ""]},
        "lease_until": {"$ifNull": ["$lease_until", EPOCH]},
    }
    update: dict[str, Any] = {} if known else made
    update |= {
        "version": {"$add": [{"$ifNull": ["$version", 0]}, 0 if touch.quiet else 1]},
        "due_at": {"$cond": [is_due, {"$toDate": earliest}, "$$REMOVE"]} if touch.quiet else {"$toDate": earliest},
        "attempts": {"$cond": [had_failed, 0, {"$ifNull": ["$attempts", 0]}]},
        "first_failed_at": {"$cond": [had_failed, None, "$first_failed_at"]},
        "failed_at": "$failed_at" if touch.quiet else None,
        "run_id": {"$cond": [is_due, "$run_id", {"$literal": touch.run_id}]} if touch.run_id else "",
        "set_aside": set_aside() if touch.run_id else "$$REMOVE",
        "swept": False,
    }
    if touch.lead_id:
        update["lead_id"] = {"$literal": touch.lead_id}
    if touch.created:
        update["created"] = True
    if touch.deleted:
        update["deleted_at"] = "$$NOW"
    if touch.erased:
        update["erased_at"] = "$$NOW"
    if touch.push:
        update["push"] = True
    if touch.event_source:
        update["event_source"] = {"$literal": touch.event_source}
    if touch.choice:
        update |= {"choice": {"$literal": touch.choice}, "chooser": {"$literal": touch.chooser}}
    if touch.match_lead_id:
        update["match_lead_id"] = {"$literal": touch.match_lead_id}
        update["match_email"] = touch.match_email
    return update


def asked_by_run(run_id: str) -> Document:
    """Make a work item due for a run. Live work stays live, that of other runs becomes this one's."""
    is_live = {"$and": [is_time("due_at"), {"$eq": ["$run_id", ""]}]}
    return {
        "version": {"$add": ["$version", 1]},
        "due_at": {"$ifNull": ["$due_at", "$$NOW"]},
        "set_aside": set_aside(),
        "failed_at": None,
        "first_failed_at": None,
        "attempts": 0,
        "run_id": {"$cond": [is_live, "", {"$literal": run_id}]},
    }


def finished(decision: Decision, work_item: WorkItem, now: datetime) -> tuple[Document, Document]:
    """Do with a lease as a decision says: values that are alike for most work items of a batch, and the other ones.

    The work item has been read in the same transaction, so all that follows from it is known here.
    """
    own = Document()
    if decision.notes is not None and decision.notes.read_at != work_item.notes.read_at:
        own["read_at"] = decision.notes.read_at
    if decision.names_lead and decision.names_lead != work_item.lead_id:
        own["lead_id"] = decision.names_lead
    values = _finished(decision, work_item, now)
    return {name: "$$REMOVE" if value is None else {"$literal": value} for name, value in values.items()}, own


def _finished(decision: Decision, work_item: WorkItem, now: datetime) -> Document:
    """The values that a work item gets; None takes one away."""
    values: Document = {"reason": decision.reason, "claims": 0}
    if decision.outcome not in UNDECIDED:
        values |= {"outcome": decision.outcome.value, "decided_at": now, "swept": False}
    notes = decision.notes or work_item.notes
    if decision.notes is not None:
        values |= notes_document(notes)
        del values["read_at"]
    failed_at, run_id, due_at = work_item.failed_at, work_item.run_id, decision.due_at
    lease_until = EPOCH
    if decision.next_step is NextStep.WRITE:
        # Nobody may read the record before a write that is never answered must have landed, if it ever does (R2).
        values["written"], lease_until = True, due_at or now
    else:
        values["worker"] = ""
    if decision.next_step is NextStep.FAILED:
        values["failed_at"] = failed_at = now
    elif decision.next_step in {NextStep.HANDED_OVER, NextStep.DONE}:
        values |= {"attempts": 0, "first_failed_at": None, "run_id": ""}
        run_id = ""
    if decision.next_step in {NextStep.FAILED, NextStep.DONE}:
        due_at = now if work_item.version > work_item.claimed_version else None
    elif decision.next_step is NextStep.HANDED_OVER:
        due_at = None
    ready_at = due_at and max(due_at, lease_until)
    flags = {"has_failed": failed_at is not None, "has_candidates": bool(notes.candidates)}
    keys = keys_of(work_item.tenant_id, work_item.integration_id, ready_at, run_id, **flags)
    return values | {"lease_until": lease_until, "due_at": due_at} | keys
