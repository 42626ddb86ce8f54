"""The record is not there: gone, in the bin, or merged into another one. Nothing is unlinked on a 404 alone (L7)."""

from dataclasses import replace

from lead_store.domain.lane import ABSENT_APART, LaneTouch
from lead_store.domain.pair import own_link, pair_is_busy
from lead_store.domain.verdict import Case, Outcome, Verdict, failed, released, skipped


def absent(case: Case) -> Verdict:
    """Neither live nor in the bin: proof of a deletion only if an event says so too, and twice a minute apart (R14)."""
    lane = case.lane
    link = own_link(case)
    if link is None or not link.attached:
        return skipped(case, "record_gone", replace(lane.notes, created=False))
    if lane.notes.absent_at is None:
        notes = replace(lane.notes, absent_at=case.now)
        return released(case, "record_missing", case.now + ABSENT_APART, notes)
    if case.now - lane.notes.absent_at < ABSENT_APART:
        return released(case, "record_missing", lane.notes.absent_at + ABSENT_APART)
    return unlink(case, "record_gone") if lane.notes.deleted_at is not None else failed(case, "record_missing")


def unlink(case: Case, reason: str) -> Verdict:
    """Detach the link; it stays with its record id and the reason, and the lead stays as it is (R13)."""
    lead, link = case.lead, own_link(case)
    if lead is None or link is None or not link.attached:
        return skipped(case, reason, replace(case.lane.notes, created=False))
    busy = pair_is_busy(case, link)
    if busy is not None:
        return busy
    after = lead.with_link(replace(link, detached_reason=reason, pending=None))
    verdict = Verdict(Outcome.UNLINKED, reason=reason, before=lead, lead=after, record_id=case.lane.record_id)
    verdict.notes = replace(case.lane.notes, created=False, deleted_at=None, absent_at=None)
    verdict.counts["from_crm_unlinked"] += 1
    if link.pending is not None and link.pending.lane_id != case.lane.lane_id:
        verdict.ended_lanes.append(link.pending.lane_id)
    return verdict


def merged_away(case: Case, into: str) -> Verdict:
    """The record lives on under another id: its lane goes on there, and looks for this record's lead first (R15)."""
    lead = case.lead if own_link(case) else None
    touch = LaneTouch(
        case.lane.tenant_id, case.lane.integration_id, record_id=into, match_lead_id=lead.lead_id if lead else ""
    )
    return Verdict(Outcome.UNCHANGED, reason="record_merged", record_id=into, touches=[touch])
