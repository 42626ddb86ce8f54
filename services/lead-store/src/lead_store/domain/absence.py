"""The record is not there: gone, in the bin, erased, or merged into another one (L7, R13, R14, R17).

Nothing is unlinked on a 404 alone. More deletions than the cap wait for a person.
"""

from collections import Counter
from dataclasses import replace

from lead_store.domain.archiving import has_to_go, let_go, no_duplicate_any_more
from lead_store.domain.lane import ABSENT_APART, READ_LAG, LaneTouch, Notes, touches_of
from lead_store.domain.lead import EndReason, Lead
from lead_store.domain.link import Link
from lead_store.domain.pair import own_link, pair_is_busy
from lead_store.domain.rules import DeletePolicy
from lead_store.domain.verdict import Case, LaneEnd, Outcome, Verdict, failed, released, skipped


def absent(case: Case) -> Verdict:
    """Neither live nor in the bin: proof of a deletion only if an event says so too, and twice a minute apart (R14)."""
    lane = case.lane
    link = own_link(case)
    if (link is None or not link.attached) and lane.notes.erased_at is None:
        return _nobody_to_link(case, "record_gone")
    if lane.notes.absent_at is None:
        notes = replace(lane.notes, absent_at=case.now)
        return released(case, "record_missing", case.now + ABSENT_APART, notes)
    if case.now - lane.notes.absent_at < ABSENT_APART:
        return released(case, "record_missing", lane.notes.absent_at + ABSENT_APART)
    if lane.notes.erased_at is not None:
        return _erase(case)
    ended = case.lead is not None and has_to_go(case.lead, link)
    return unlink(case, "record_gone") if ended or lane.notes.deleted_at else failed(case, "record_missing")


def unlink(case: Case, reason: str) -> Verdict:
    """Follow a proven deletion as the integration's policy says, after its grace period and within its cap."""
    lead, link, deletions = case.lead, own_link(case), case.target.deletions
    if lead is None or link is None or not link.attached:
        return _nobody_to_link(case, reason)
    if case.observation.read_before_lease:  # it may have been restored since (R8)
        return Verdict(Outcome.NEEDS_READING, LaneEnd.KEPT)
    ended = has_to_go(lead, link)
    if deletions.policy is DeletePolicy.IGNORE and not ended:
        return skipped(case, "deletion_ignored", _settled(case.lane.notes))
    busy = pair_is_busy(case, link)
    if busy is not None:
        return busy
    if ended:
        return let_go(case, lead, link, _settled(case.lane.notes), archived=True)
    gone_at = case.lane.notes.gone_at or case.now
    if case.now < gone_at + deletions.grace:
        notes = replace(case.lane.notes, gone_at=gone_at)
        return released(case, "deletion_grace", gone_at + deletions.grace, notes)
    if case.deletions_left <= 0 and not case.lane.notes.approved:
        return failed(case, "delete_cap")
    return _detach(case, lead, link, reason)


def merged_away(case: Case, into: str) -> Verdict:
    """The record lives on under another id: its lane goes on there, and looks for this record's lead first (R15)."""
    lane, notes = case.lane, case.lane.notes
    lead_id = case.lead.lead_id if case.lead and own_link(case) else notes.match_lead_id
    touch = LaneTouch(lane.tenant_id, lane.integration_id, record_id=into, match_lead_id=lead_id, run_id=lane.run_id)
    verdict = Verdict(Outcome.UNCHANGED, reason="record_merged", record_id=into, touches=[touch])
    return no_duplicate_any_more(case, verdict, "lead_merged")


def _detach(case: Case, lead: Lead, link: Link, reason: str) -> Verdict:
    """Detach the link: it stays with its record id and the reason, so that a restore finds the lead (R13)."""
    after = lead.with_link(replace(link, detached_reason=reason))  # a left-over write is judged when it comes back (R2)
    verdict = Verdict(Outcome.UNLINKED, reason=reason, before=lead, lead=after, record_id=case.lane.record_id)
    if case.target.deletions.policy is DeletePolicy.DELETE_LEAD and lead.deleted_at is None:
        verdict.lead = replace(after, deleted_at=case.now, end_reason=EndReason.DELETED)
        verdict.touches = touches_of(after, case.other_targets)  # the other records follow their own policy (R20)
    verdict.notes = replace(_settled(case.lane.notes), match_lead_id="", match_email="")
    verdict.counts = Counter(from_crm_unlinked=1, linked=-1, deletions=1)
    if link.pending is not None and link.pending.lane_id != case.lane.lane_id:
        verdict.ended_lanes.append(link.pending.lane_id)
    _send_back(case, verdict)
    return verdict


def _erase(case: Case) -> Verdict:
    """Forget the person: the lead, and everything that is known of it (R17). Only a keyed hash stays."""
    link = own_link(case)
    busy = pair_is_busy(case, link) if link is not None else None
    if busy is not None:
        return busy
    if case.deletions_left <= 0 and not case.lane.notes.approved:
        return failed(case, "delete_cap")
    person = None if _is_elsewhere(case) else case.lead
    verdict = Verdict(Outcome.ERASED, LaneEnd.DONE, "erased", case.lane.record_id, before=person, erases=True)
    verdict.notes = Notes()
    used = int(link is not None and link.attached)
    verdict.counts = Counter(from_crm_unlinked=used, linked=-used, deletions=1)
    _send_back(case, verdict)
    return verdict


def _is_elsewhere(case: Case) -> bool:
    """Whether the lane's lead was taken to another record by a person: then it is no longer whom this record shows."""
    link = case.lead.link(case.target.integration_id) if case.lead else None
    ours = link is not None and case.lane.record_id in (link.record_id, *link.former_record_ids)
    return link is not None and link.attached and not ours


def _nobody_to_link(case: Case, reason: str) -> Verdict:
    """The record was never linked."""
    verdict = skipped(case, reason, replace(case.lane.notes, created=False, match_lead_id="", match_email=""))
    _send_back(case, verdict)
    return no_duplicate_any_more(case, verdict, reason)


def _send_back(case: Case, verdict: Verdict) -> None:
    """A lead that found this record looks again, a little later: now it can be created."""
    waiting = case.hopeful
    if waiting is not None and waiting.deleted_at is None and not waiting.is_linked(case.target.integration_id):
        again = LaneTouch(waiting.tenant_id, case.target.integration_id, lead_id=waiting.lead_id, delay=READ_LAG)
        verdict.touches.append(again)


def _settled(notes: Notes) -> Notes:
    return replace(notes, created=False, deleted_at=None, absent_at=None, gone_at=None, approved=False)
