"""What the database does: commits that are atomic and guarded by fences, touches, and leases that end."""

from dataclasses import replace
from typing import Any

from lead_store.domain.decision import Decision, NextStep
from lead_store.domain.link import Link
from lead_store.domain.work_item import Notes, WorkItem, WorkItemTouch
from proof.protocol.world import (
    CRMS,
    LEASED,
    LONG_AGO,
    OF_RECORD,
    Setup,
    Worker,
    World,
    at,
    record_of,
    with_work_item,
    with_worker,
)


def lease(setup: Setup, w: World, n: int, crm: int, work_item: WorkItem) -> World:
    """The n-th worker claims a due work item."""
    claimed = replace(
        work_item,
        worker=str(n),
        fence=work_item.fence + 1,
        claimed_version=work_item.version,
        claimed_at=at(w.crms[crm].second),
        lease_until=LEASED,
        due_at=LEASED,
    )
    worker = Worker(crm, 1 if work_item.record_id else 0, claimed.fence, history=not setup.on_demand)
    return with_worker(with_work_item(w, crm, claimed), n, worker)


def commit(setup: Setup, w: World, crm: int, work_item: WorkItem, decision: Decision) -> World:
    """Write everything that a decision asks for."""
    if decision.lead is not None:
        lead = replace(decision.lead, revision=w.lead.revision + 1)
        if setup.without.pending:
            name = CRMS[crm]
            lead = lead.with_link(replace(lead.link(name) or Link(name, "hubspot"), pending=None))
        w = w._replace(lead=lead)
    stored = w.crms[crm].work_items[1 if work_item.record_id else 0] or work_item
    w = with_work_item(w, crm, _ended(work_item, stored, decision))
    for other in w.crms[crm].work_items:
        if other and other.work_item_id in decision.ended_work_items:
            w = with_work_item(w, crm, replace(other, fence=other.fence + 1, worker="", lease_until=LONG_AGO))
        if other and other.work_item_id in decision.idle_work_items and not other.worker:
            w = with_work_item(w, crm, replace(other, due_at=None))
    for touch in decision.touches:
        w = touched(w, touch)
    return w


def _ended(work_item: WorkItem, stored: WorkItem, decision: Decision) -> WorkItem:
    """The work item after its lease ended as the decision says."""
    changes: dict[str, Any] = {"lead_id": decision.names_lead or stored.lead_id}
    if decision.notes is not None:
        changes["notes"] = Notes(match_lead_id=decision.notes.match_lead_id, read_at=decision.notes.read_at)
    if decision.next_step is not NextStep.WRITE:
        touched_since = stored.version > work_item.claimed_version and decision.next_step is not NextStep.HANDED_OVER
        again = decision.next_step is NextStep.RETRY or touched_since
        changes |= {"worker": "", "lease_until": LONG_AGO, "due_at": LONG_AGO if again else None}
    return replace(stored, **changes)


def touched(w: World, touch: WorkItemTouch) -> World:
    """Make a work item due, and note what the touch says."""
    crm = CRMS.index(touch.integration_id)
    work_item = w.crms[crm].work_items[1 if touch.record_id else 0]
    work_item = work_item or WorkItem(
        touch.work_item_id, "t", touch.integration_id, record_id=touch.record_id, lease_until=LONG_AGO
    )
    changes: dict[str, Any] = {
        "version": work_item.version + (not touch.quiet),
        "lead_id": touch.lead_id or work_item.lead_id,
    }
    if not work_item.worker and (work_item.due_at is not None or not touch.quiet):
        changes["due_at"] = LONG_AGO
    if touch.match_lead_id:
        changes["notes"] = replace(work_item.notes, match_lead_id=touch.match_lead_id)
    return with_work_item(w, crm, replace(work_item, **changes))


def touch_record(w: World, crm: int) -> World:
    """What an event or the sweep says: look at the record."""
    name = CRMS[crm]
    return touched(w, WorkItemTouch("t", name, record_id=record_of(name)))


def end_lease(w: World, crm: int, work_item: WorkItem) -> World:
    """The time of a lease is over, and with it that of the write it handed out."""
    w = with_work_item(w, crm, replace(work_item, worker="", lease_until=LONG_AGO, due_at=LONG_AGO))
    link = w.lead.link(CRMS[crm])
    if link and link.pending and link.pending.work_item_id == work_item.work_item_id:
        over = replace(link, pending=replace(link.pending, until=LONG_AGO))
        w = w._replace(lead=w.lead.with_link(over))
    return w


def swept(w: World, crm: int) -> bool:
    """Whether the sweep would touch the record: its work item rests, and has read no version as new as the newest."""
    versions, work_item = w.crms[crm].versions, w.crms[crm].work_items[OF_RECORD]
    if not versions or work_item is None:
        return bool(versions)
    read_at = work_item.notes.read_at or LONG_AGO
    return work_item.due_at is None and not work_item.worker and at(versions[-1].second) > read_at
