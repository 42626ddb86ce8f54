"""What touching, finishing and making a work item write: updates that the database carries out by its own clock."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from lead_store.domain.decision import UNDECIDED, Decision, LeaseEnd
from lead_store.domain.work_item import READ_LAG, Notes, WorkItemTouch
from lead_store.mongo.client import EPOCH, Document

NOTES = tuple(Notes.__dataclass_fields__)


def passed(name: str) -> Document:
    """Whether a time lies in the past, by the database's clock."""
    return {"$lte": [{"$toLong": f"${name}"}, {"$toLong": "$$NOW"}]}


def is_time(name: str) -> Document:
    """Whether a field holds a time."""
    return {"$eq": [{"$type": f"${name}"}, "date"]}


def set_aside() -> Document:
    """A failure that gives way to a run: it comes back if the run is dropped before anybody has looked again (L10)."""
    kept = {"$cond": [is_time("due_at"), "$set_aside", "$$REMOVE"]}
    return {"$cond": [is_time("failed_at"), {"at": "$failed_at", "reason": "$reason"}, kept]}


def dropped() -> Document:
    """Let a run's work rest as it was before."""
    failed_at, reason = {"$ifNull": ["$set_aside.at", None]}, {"$ifNull": ["$set_aside.reason", "$reason"]}
    return {"due_at": "$$REMOVE", "run_id": "", "failed_at": failed_at, "reason": reason}


def joined(touches: Iterable[WorkItemTouch]) -> list[WorkItemTouch]:
    """One touch per work item: what several say is said together."""
    by_work_item: dict[str, WorkItemTouch] = {}
    for touch in touches:
        seen = by_work_item.get(touch.work_item_id)
        by_work_item[touch.work_item_id] = touch if seen is None else _both(touch, seen)
    return list(by_work_item.values())


def _both(touch: WorkItemTouch, seen: WorkItemTouch) -> WorkItemTouch:
    """What two touches of one work item say. It is a run's, late or quiet only if both are."""
    finder = touch if touch.match_lead_id else seen  # a lead and the e-mail that it found the record by go together
    return replace(
        touch,
        lead_id=touch.lead_id or seen.lead_id,
        created=touch.created or seen.created,
        deleted=touch.deleted or seen.deleted,
        erased=touch.erased or seen.erased,
        push=touch.push or seen.push,
        quiet=touch.quiet and seen.quiet,
        delay=min(touch.delay, seen.delay),
        run_id=touch.run_id and seen.run_id,
        match_lead_id=finder.match_lead_id,
        match_email=finder.match_email,
        event_source=touch.event_source or seen.event_source,
        choice=touch.choice or seen.choice,
        chooser=touch.chooser or seen.chooser,
    )


def idle_work_item(touch: WorkItemTouch, now: datetime) -> Document:
    """A new work item that nobody has asked to look. Its fence is above any that a dropped work item of its id had."""
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


def touched(touch: WorkItemTouch) -> Document:
    """Make a work item due, and remember what the event said."""
    wanted = {"$add": [{"$toLong": "$$NOW"}, milliseconds(touch.delay)]}
    earliest = {"$min": [{"$toLong": "$due_at"}, wanted]}
    had_failed = is_time("failed_at")
    is_due = is_time("due_at")  # live work stays live when a run asks for it too
    update: dict[str, Any] = {
        "tenant_id": {"$literal": touch.tenant_id},
        "integration_id": {"$literal": touch.integration_id},
        "record_id": {"$literal": touch.record_id},
        "lead_id": {"$literal": touch.lead_id} if touch.lead_id else {"$ifNull": ["$lead_id", ""]},
        "version": {"$add": [{"$ifNull": ["$version", 0]}, 0 if touch.quiet else 1]},
        "due_at": {"$cond": [is_due, {"$toDate": earliest}, "$$REMOVE"]} if touch.quiet else {"$toDate": earliest},
        "fence": {
            "$ifNull": ["$fence", {"$toLong": "$$NOW"}]
        },  # above any fence of a work item of this id that was dropped
        "worker": {"$ifNull": ["$worker", ""]},
        "lease_until": {"$ifNull": ["$lease_until", EPOCH]},
        "attempts": {"$cond": [had_failed, 0, {"$ifNull": ["$attempts", 0]}]},
        "first_failed_at": {"$cond": [had_failed, None, "$first_failed_at"]},
        "failed_at": "$failed_at" if touch.quiet else None,
        "run_id": {"$cond": [is_due, "$run_id", {"$literal": touch.run_id}]} if touch.run_id else "",
        "set_aside": set_aside() if touch.run_id else "$$REMOVE",
        "swept": False,
    }
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


def finished(decision: Decision) -> Document:
    """End or hold a lease as a decision says."""
    touched = {"$gt": ["$version", "$claimed_version"]}
    update: Document = {"reason": {"$literal": decision.reason}, "claims": 0}
    if decision.outcome not in UNDECIDED:
        update |= {"outcome": decision.outcome.value, "decided_at": "$$NOW", "swept": False}
    if decision.notes is not None:
        update |= {name: {"$literal": getattr(decision.notes, name)} for name in NOTES}
        update["match_of"] = "$tenant_id" if decision.notes.candidates else "$$REMOVE"  # what a tenant's are found by
    if decision.names_lead:
        update["lead_id"] = {"$literal": decision.names_lead}
    if decision.end is LeaseEnd.HELD and decision.write is not None:
        # Nobody may read the record before a write that is never answered must have landed, if it ever does (R2).
        free_at = decision.write.until + READ_LAG
        return update | {"written": True, "lease_until": free_at, "due_at": free_at}
    update |= {"worker": "", "lease_until": EPOCH}
    match decision.end:
        case LeaseEnd.WAITING:
            update["due_at"] = decision.due_at
        case LeaseEnd.FAILED:
            update |= {"failed_at": "$$NOW", "due_at": {"$cond": [touched, "$$NOW", "$$REMOVE"]}}
        case LeaseEnd.IDLE:
            update |= {"due_at": "$$REMOVE", "attempts": 0, "first_failed_at": None, "run_id": ""}
        case _:
            done = {"$cond": [touched, "$$NOW", "$$REMOVE"]}
            update |= {"due_at": done, "attempts": 0, "first_failed_at": None, "run_id": ""}
    return update


def milliseconds(time: timedelta) -> int:
    """A time span as MongoDB adds it to dates."""
    return int(time.total_seconds() * 1000)
