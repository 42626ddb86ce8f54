"""The record is not there: gone, in the archive, erased, or merged into another one (L7, R13, R14, R17).

Nothing is unlinked on a 404 alone. More deletions than the cap wait for a person.
"""

from collections import Counter
from dataclasses import replace

from lead_store.domain.archiving import has_to_go, let_go, no_duplicate_any_more
from lead_store.domain.decision import Case, Decision, LeaseEnd, Outcome, failed, released, skipped
from lead_store.domain.lead import EndReason, Lead
from lead_store.domain.link import Link
from lead_store.domain.pair import own_link, pair_is_busy
from lead_store.domain.rules import DeletePolicy
from lead_store.domain.work_item import ABSENT_APART, READ_LAG, Notes, WorkItemTouch, touches_of


def absent(case: Case) -> Decision:
    """Neither live nor in the archive.

    Proof of a deletion only if an event says so too, and twice a minute apart (R14).
    """
    work_item = case.work_item
    link = own_link(case)
    if (link is None or not link.attached) and work_item.notes.erased_at is None:
        return _nobody_to_link(case, "record_gone")
    if work_item.notes.absent_at is None:
        notes = replace(work_item.notes, absent_at=case.now)
        return released(case, "record_missing", case.now + ABSENT_APART, notes)
    if case.now - work_item.notes.absent_at < ABSENT_APART:
        return released(case, "record_missing", work_item.notes.absent_at + ABSENT_APART)
    if work_item.notes.erased_at is not None:
        return _erase(case)
    ended = case.lead is not None and has_to_go(case.lead, link)
    return unlink(case, "record_gone") if ended or work_item.notes.deleted_at else failed(case, "record_missing")


def unlink(case: Case, reason: str) -> Decision:
    """Follow a proven deletion as the integration's policy says, after its grace period and within its cap."""
    lead, link, deletions = case.lead, own_link(case), case.target.deletions
    if lead is None or link is None or not link.attached:
        return _nobody_to_link(case, reason)
    if case.observation.read_before_lease:  # it may have been restored since (R8)
        return Decision(Outcome.NEEDS_READING, LeaseEnd.KEPT)
    ended = has_to_go(lead, link)
    if deletions.policy is DeletePolicy.IGNORE and not ended:
        return skipped(case, "deletion_ignored", _settled(case.work_item.notes))
    busy = pair_is_busy(case, link)
    if busy is not None:
        return busy
    if ended:
        return let_go(case, lead, link, _settled(case.work_item.notes), archived=True)
    gone_at = case.work_item.notes.gone_at or case.now
    if case.now < gone_at + deletions.grace:
        notes = replace(case.work_item.notes, gone_at=gone_at)
        return released(case, "deletion_grace", gone_at + deletions.grace, notes)
    if case.deletions_left <= 0 and not case.work_item.notes.approved:
        return failed(case, "delete_cap")
    return _detach(case, lead, link, reason)


def merged_away(case: Case, into: str) -> Decision:
    """The record lives on under another id.

    Its work item goes on there, and looks for this record's lead first (R15).
    """
    work_item, notes = case.work_item, case.work_item.notes
    lead_id = case.lead.lead_id if case.lead and own_link(case) else notes.match_lead_id
    touch = WorkItemTouch(
        work_item.tenant_id, work_item.integration_id, record_id=into, match_lead_id=lead_id, run_id=work_item.run_id
    )
    decision = Decision(Outcome.UNCHANGED, reason="record_merged", record_id=into, touches=[touch])
    return no_duplicate_any_more(case, decision, "lead_merged")


def _detach(case: Case, lead: Lead, link: Link, reason: str) -> Decision:
    """Detach the link: it stays with its record id and the reason, so that a restore finds the lead (R13)."""
    after = lead.with_link(replace(link, detached_reason=reason))  # a left-over write is judged when it comes back (R2)
    decision = Decision(Outcome.UNLINKED, reason=reason, before=lead, lead=after, record_id=case.work_item.record_id)
    if case.target.deletions.policy is DeletePolicy.DELETE_LEAD and lead.deleted_at is None:
        decision.lead = replace(after, deleted_at=case.now, end_reason=EndReason.DELETED)
        decision.touches = touches_of(after, case.other_targets)  # the other records follow their own policy (R20)
    decision.notes = replace(_settled(case.work_item.notes), match_lead_id="", match_email="")
    decision.counts = Counter(from_crm_unlinked=1, linked=-1, deletions=1)
    if link.pending is not None and link.pending.work_item_id != case.work_item.work_item_id:
        decision.ended_work_items.append(link.pending.work_item_id)
    _send_back(case, decision)
    return decision


def _erase(case: Case) -> Decision:
    """Forget the person: the lead, and everything that is known of it (R17). Only a keyed hash stays."""
    link = own_link(case)
    busy = pair_is_busy(case, link) if link is not None else None
    if busy is not None:
        return busy
    if case.deletions_left <= 0 and not case.work_item.notes.approved:
        return failed(case, "delete_cap")
    person = None if _is_elsewhere(case) else case.lead
    decision = Decision(Outcome.ERASED, LeaseEnd.DONE, "erased", case.work_item.record_id, before=person, erases=True)
    decision.notes = Notes()
    used = int(link is not None and link.attached)
    decision.counts = Counter(from_crm_unlinked=used, linked=-used, deletions=1)
    _send_back(case, decision)
    return decision


def _is_elsewhere(case: Case) -> bool:
    """Whether the work item's lead was taken to another record by a person.

    Then it is no longer whom this record shows.
    """
    link = case.lead.link(case.target.integration_id) if case.lead else None
    ours = link is not None and case.work_item.record_id in (link.record_id, *link.former_record_ids)
    return link is not None and link.attached and not ours


def _nobody_to_link(case: Case, reason: str) -> Decision:
    """The record was never linked."""
    decision = skipped(case, reason, replace(case.work_item.notes, created=False, match_lead_id="", match_email=""))
    _send_back(case, decision)
    return no_duplicate_any_more(case, decision, reason)


def _send_back(case: Case, decision: Decision) -> None:
    """A lead that found this record looks again, a little later: now it can be created."""
    waiting = case.hopeful
    if waiting is not None and waiting.deleted_at is None and not waiting.is_linked(case.target.integration_id):
        again = WorkItemTouch(waiting.tenant_id, case.target.integration_id, lead_id=waiting.lead_id, delay=READ_LAG)
        decision.touches.append(again)


def _settled(notes: Notes) -> Notes:
    return replace(notes, created=False, deleted_at=None, absent_at=None, gone_at=None, approved=False)
