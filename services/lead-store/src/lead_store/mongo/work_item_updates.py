"""What touching, finishing and making a work item write: updates that the database carries out by its own clock.

What depends on what happens at the same time has to be asked here, in the same write: is it due, has it failed, was it
touched since its claim? Everything else comes ready from a touch or a decision.
"""

from datetime import datetime
from typing import Any

from lead_store.domain.decision import UNDECIDED, Decision, NextStep
from lead_store.domain.work_item import WorkItem, WorkItemTouch
from lead_store.mongo.client import EPOCH, Document, milliseconds
from lead_store.mongo.work_item_documents import NOTES


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


def finished(decision: Decision, work_item: WorkItem) -> tuple[Document, Document]:
    """Do with a lease as a decision says: values that are alike for most work items of a batch, and the other ones."""
    values, own = _finished(decision), Document()
    if decision.notes is not None:
        del values["read_at"]
        if decision.notes.read_at != work_item.notes.read_at:
            own["read_at"] = decision.notes.read_at
    if decision.names_lead and decision.names_lead != work_item.lead_id:
        own["lead_id"] = decision.names_lead
    return values, own


def _finished(decision: Decision) -> Document:
    touched_since = {"$gt": ["$version", "$claimed_version"]}
    update: Document = {"reason": {"$literal": decision.reason}, "claims": 0}
    if decision.outcome not in UNDECIDED:
        update |= {"outcome": decision.outcome.value, "decided_at": "$$NOW", "swept": False}
    if decision.notes is not None:
        update |= {name: {"$literal": getattr(decision.notes, name)} for name in NOTES}
        update["match_of"] = "$tenant_id" if decision.notes.candidates else "$$REMOVE"  # what a tenant's are found by
    if decision.next_step is NextStep.WRITE:
        # Nobody may read the record before a write that is never answered must have landed, if it ever does (R2).
        return update | {"written": True, "lease_until": decision.due_at, "due_at": decision.due_at}
    update |= {"worker": "", "lease_until": EPOCH}
    over: Document = {"attempts": 0, "first_failed_at": None, "run_id": ""}
    match decision.next_step:
        case NextStep.RETRY:
            return update | {"due_at": decision.due_at}
        case NextStep.FAILED:
            return update | {"failed_at": "$$NOW", "due_at": {"$cond": [touched_since, "$$NOW", "$$REMOVE"]}}
        case NextStep.HANDED_OVER:
            return update | over | {"due_at": "$$REMOVE"}
        case _:
            return update | over | {"due_at": {"$cond": [touched_since, "$$NOW", "$$REMOVE"]}}
