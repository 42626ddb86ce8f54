"""The record is not there: gone, in the archive, erased, or merged into another one (L7, R13, R14, R17).

Nothing is unlinked because of one 404. If an hour brings more deletions than the cap allows, the rest waits for a
person.
"""

from collections import Counter
from dataclasses import replace

from lead_store.domain.archiving import close_duplicate, detach_ended, link_outlives_lead
from lead_store.domain.decision import Case, Decision, NextStep, Outcome, failed, released, skipped
from lead_store.domain.lead import EndReason, Lead
from lead_store.domain.link import Link
from lead_store.domain.pair import own_link, pair_is_busy
from lead_store.domain.rules import DeletePolicy
from lead_store.domain.work_item import Notes, WorkItemTouch, touches_of


def absent(case: Case) -> Decision:
    """Decide on a record that is neither live nor in the archive.

    It was deleted only if an event says so as well, and if two readings far enough apart did not find it (R14).
    """
    notes = case.work_item.notes
    link = own_link(case)
    if (link is None or not link.attached) and notes.erased_at is None:
        return _not_linked(case, "record_gone")
    if notes.absent_at is None:
        proven_at = case.waits.absence_proven(case.now)
        return released(case, "record_missing", proven_at, replace(notes, absent_at=case.now))
    if case.now < (proven_at := case.waits.absence_proven(notes.absent_at)):
        return released(case, "record_missing", proven_at)
    if notes.erased_at is not None:
        return _erase(case)
    lead_deleted = case.lead is not None and link_outlives_lead(case.lead, link)
    return unlink(case, "record_gone") if lead_deleted or notes.deleted_at else failed(case, "record_missing")


def unlink(case: Case, reason: str) -> Decision:
    """Follow a proven deletion as the integration's policy says, after its grace period and within its cap."""
    lead, link, deletions = case.lead, own_link(case), case.target.deletions
    if lead is None or link is None or not link.attached:
        return _not_linked(case, reason)
    if case.observation.read_before_lease:  # it may have been restored since (R8)
        return Decision(Outcome.NEEDS_READING, NextStep.KEEP)
    lead_deleted = link_outlives_lead(lead, link)
    if deletions.policy is DeletePolicy.IGNORE and not lead_deleted:
        return skipped(case, "deletion_ignored", _settled(case.work_item.notes))
    busy = pair_is_busy(case, link)
    if busy is not None:
        return busy
    if lead_deleted:
        return detach_ended(case, lead, link, _settled(case.work_item.notes), archived=True)
    gone_at = case.work_item.notes.gone_at or case.now
    if case.now < gone_at + deletions.grace:
        notes = replace(case.work_item.notes, gone_at=gone_at)
        return released(case, "deletion_grace", gone_at + deletions.grace, notes)
    if case.deletions_left <= 0 and not case.work_item.notes.approved:
        return failed(case, "delete_cap")
    return _detach(case, lead, link, reason)


def merged_away(case: Case, into: str) -> Decision:
    """The record was merged into another one: the work goes on in that one's work item.

    There, the lead of this record is looked at before any other (R15).
    """
    work_item, notes = case.work_item, case.work_item.notes
    lead_id = case.lead.lead_id if case.lead and own_link(case) else notes.match_lead_id
    touch = WorkItemTouch(
        work_item.tenant_id, work_item.integration_id, record_id=into, match_lead_id=lead_id, run_id=work_item.run_id
    )
    decision = Decision(Outcome.UNCHANGED, reason="record_merged", record_id=into, touches=[touch])
    return close_duplicate(case, decision, "lead_merged")


def _detach(case: Case, lead: Lead, link: Link, reason: str) -> Decision:
    """Detach the link. It keeps its record id and gets a reason, so that a restored record finds its lead (R13).

    A write whose answer was lost stays on the link. It is judged when the record is back (R2).
    """
    after = lead.with_link(replace(link, detached_reason=reason))
    decision = Decision(Outcome.UNLINKED, reason=reason, before=lead, lead=after, record_id=case.work_item.record_id)
    if case.target.deletions.policy is DeletePolicy.DELETE_LEAD and lead.deleted_at is None:
        decision.lead = replace(after, deleted_at=case.now, end_reason=EndReason.DELETED)
        decision.touches = touches_of(after, case.other_targets)  # the other records follow their own policy (R20)
    decision.notes = replace(_settled(case.work_item.notes), match_lead_id="", match_email="")
    decision.counts = Counter(from_crm_unlinked=1, linked=-1, deletions=1)
    if link.pending is not None and link.pending.work_item_id != case.work_item.work_item_id:
        decision.ended_work_items.append(link.pending.work_item_id)
    _let_finder_look_again(case, decision)
    return decision


def _erase(case: Case) -> Decision:
    """Delete the lead and everything that is known of its person (R17). Only keyed hashes stay."""
    link = own_link(case)
    busy = pair_is_busy(case, link) if link is not None else None
    if busy is not None:
        return busy
    if case.deletions_left <= 0 and not case.work_item.notes.approved:
        return failed(case, "delete_cap")
    person = None if _has_another_record(case) else case.lead
    decision = Decision(Outcome.ERASED, NextStep.DONE, "erased", case.work_item.record_id, before=person, erases=True)
    decision.notes = Notes()
    linked = int(link is not None and link.attached)
    decision.counts = Counter(from_crm_unlinked=linked, linked=-linked, deletions=1)
    _let_finder_look_again(case, decision)
    return decision


def _has_another_record(case: Case) -> bool:
    """Whether a person has linked the work item's lead to another record: then this record is not the lead's."""
    link = case.lead.link(case.target.integration_id) if case.lead else None
    had = link is not None and case.work_item.record_id in (link.record_id, *link.former_record_ids)
    return link is not None and link.attached and not had


def _not_linked(case: Case, reason: str) -> Decision:
    """No lead is linked to the record, so there is nothing to detach."""
    decision = skipped(case, reason, replace(case.work_item.notes, created=False, match_lead_id="", match_email=""))
    _let_finder_look_again(case, decision)
    return close_duplicate(case, decision, reason)


def _let_finder_look_again(case: Case, decision: Decision) -> None:
    """The lead that found this record looks again once the read lag has passed: now it can get a record of its own."""
    lead = case.finder
    if lead is not None and lead.deleted_at is None and not lead.is_linked(case.target.integration_id):
        delay = case.waits.read_lag
        decision.touches.append(
            WorkItemTouch(lead.tenant_id, case.target.integration_id, lead_id=lead.lead_id, delay=delay)
        )


def _settled(notes: Notes) -> Notes:
    """The notes without those about a deletion."""
    return replace(notes, created=False, deleted_at=None, absent_at=None, gone_at=None, approved=False)
