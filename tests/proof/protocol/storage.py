"""What the database does: commits that are atomic and guarded by fences, touches, and leases that end."""

from dataclasses import replace
from typing import Any

from lead_store.domain.lane import Lane, LaneTouch, Notes
from lead_store.domain.link import Link
from lead_store.domain.verdict import LaneEnd, Verdict
from proof.protocol.world import (
    CRMS,
    LEASED,
    LONG_AGO,
    NOW,
    OF_RECORD,
    Setup,
    Worker,
    World,
    record_of,
    with_lane,
    with_worker,
)


def lease(w: World, n: int, crm: int, lane: Lane) -> World:
    """The n-th worker claims a due lane."""
    claimed = replace(
        lane,
        worker=str(n),
        fence=lane.fence + 1,
        claimed_version=lane.version,
        claimed_at=NOW,
        lease_until=LEASED,
        due_at=LEASED,
    )
    return with_worker(with_lane(w, crm, claimed), n, Worker(crm, 1 if lane.record_id else 0, claimed.fence))


def commit(setup: Setup, w: World, crm: int, lane: Lane, verdict: Verdict) -> World:
    """Write everything that a verdict asks for."""
    if verdict.lead is not None:
        lead = replace(verdict.lead, revision=w.lead.revision + 1)
        if setup.without.pending:
            name = CRMS[crm]
            lead = lead.with_link(replace(lead.link(name) or Link(name, "hubspot"), pending=None))
        w = w._replace(lead=lead)
    stored = w.crms[crm].lanes[1 if lane.record_id else 0] or lane
    w = with_lane(w, crm, _ended(lane, stored, verdict))
    for other in w.crms[crm].lanes:
        if other and other.lane_id in verdict.ended_lanes:
            w = with_lane(w, crm, replace(other, fence=other.fence + 1, worker="", lease_until=LONG_AGO))
        if other and other.lane_id in verdict.idle_lanes and not other.worker:
            w = with_lane(w, crm, replace(other, due_at=None))
    for touch in verdict.touches:
        w = touched(w, touch)
    return w


def _ended(lane: Lane, stored: Lane, verdict: Verdict) -> Lane:
    """The lane after its lease ended as the verdict says."""
    changes: dict[str, Any] = {"lead_id": verdict.names_lead or stored.lead_id}
    if verdict.notes is not None:
        changes["notes"] = Notes(match_lead_id=verdict.notes.match_lead_id, written=verdict.notes.written)
    if verdict.end is not LaneEnd.HELD:
        touched_since = stored.version > lane.claimed_version and verdict.end is not LaneEnd.IDLE
        again = verdict.end is LaneEnd.WAITING or touched_since
        changes |= {"worker": "", "lease_until": LONG_AGO, "due_at": LONG_AGO if again else None}
    return replace(stored, **changes)


def touched(w: World, touch: LaneTouch) -> World:
    """Make a lane due, and note what the touch says."""
    crm = CRMS.index(touch.integration_id)
    lane = w.crms[crm].lanes[1 if touch.record_id else 0]
    lane = lane or Lane(touch.lane_id, "t", touch.integration_id, record_id=touch.record_id, lease_until=LONG_AGO)
    changes: dict[str, Any] = {"version": lane.version + (not touch.quiet), "lead_id": touch.lead_id or lane.lead_id}
    if not lane.worker and (lane.due_at is not None or not touch.quiet):
        changes["due_at"] = LONG_AGO
    if touch.match_lead_id:
        changes["notes"] = replace(lane.notes, match_lead_id=touch.match_lead_id)
    return with_lane(w, crm, replace(lane, **changes))


def touch_record(w: World, crm: int) -> World:
    """What an event or the sweep says: look at the record."""
    name = CRMS[crm]
    return touched(w, LaneTouch("t", name, record_id=record_of(name)))


def end_lease(w: World, crm: int, lane: Lane) -> World:
    """The time of a lease is over, and with it that of the write it handed out."""
    w = with_lane(w, crm, replace(lane, worker="", lease_until=LONG_AGO, due_at=LONG_AGO))
    link = w.lead.link(CRMS[crm])
    if link and link.pending and link.pending.lane_id == lane.lane_id:
        over = replace(link, pending=replace(link.pending, until=LONG_AGO))
        w = w._replace(lead=w.lead.with_link(over))
    return w


def rests(w: World, crm: int) -> bool:
    """Whether the record's lane is neither due nor leased."""
    lane = w.crms[crm].lanes[OF_RECORD]
    return lane is None or (lane.due_at is None and not lane.worker)
