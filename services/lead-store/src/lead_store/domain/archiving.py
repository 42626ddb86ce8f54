"""The record of a lead that has ended: it stays, or is put into the CRM's archive, as the integration's policy says.

Archiving is a write like any other: it is stored on the link before it is sent (R4, R5), and the cap of deletions
counts it. Nothing is lost: the CRM can restore the record, and values that its people entered there are noted.
"""

from dataclasses import replace

from lead_store.domain.decision import Case, Decision, FieldChange, NextStep, Outcome, failed, present_of, skipped
from lead_store.domain.ending import DUPLICATE, archives
from lead_store.domain.landing import look_for_overwritten, needs_history
from lead_store.domain.lead import EndReason, Lead
from lead_store.domain.link import Link, Pending, WriteKind
from lead_store.domain.pair import attach, link_for, own_link, pair_is_busy, planned_write, write_would_be_unsafe
from lead_store.domain.values import same
from lead_store.domain.work_item import Notes

REASON = "lead_deleted"
SHOWN = frozenset({"lead_converted", "lead_merged", DUPLICATE})


def link_outlives_lead(lead: Lead, link: Link | None) -> bool:
    """Whether the lead was deleted and its link is still to be detached, perhaps after its record was archived."""
    return lead.end_reason is EndReason.DELETED and link is not None and not link.detached_reason


def lead_of_unanswered_create(case: Case) -> Lead | None:
    """The deleted lead that the record's mark names, if the answer to the create of the record was lost."""
    lead = case.marked
    link = lead.link(case.target.integration_id) if lead is not None else None
    unanswered = link is not None and not link.record_id
    return lead if lead is not None and unanswered and link_outlives_lead(lead, link) else None


def duplicate_of_survivor(case: Case, notes: Notes) -> Decision | None:
    """Decide on the record of a lead that was merged into one which has another record in use.

    It waits for people to merge the two records in the CRM, and is neither imported nor created again. None = the
    record is no such record.
    """
    link, integration_id = own_link(case), case.target.integration_id
    other = case.survivor.link(integration_id) if case.survivor is not None else None
    if case.lead is None or link is None or other is None or not other.attached:
        return None
    if other.record_id in {case.work_item.record_id, *present_of(case).merged_record_ids}:
        return None
    decision = skipped(case, DUPLICATE, notes)
    found = replace(link, detached_reason=DUPLICATE, duplicate_of=other.record_id)
    if found != link:
        decision.before, decision.lead = case.lead, case.lead.with_link(found)
    return decision


def close_duplicate(case: Case, decision: Decision, reason: str) -> Decision:
    """Note that the record of a merged lead was merged too, or is gone: no person has to look at it any more."""
    link = own_link(case)
    if case.lead is not None and case.lead.merged_into and link is not None and link.detached_reason == DUPLICATE:
        decision.before, decision.lead = case.lead, case.lead.with_link(replace(link, detached_reason=reason))
    return decision


def present_after_end(case: Case, lead: Lead, notes: Notes) -> Decision:
    """Decide on a record that is there though its lead has ended. The lead never comes back."""
    former = link_for(case, lead)
    if former.record_id == case.work_item.record_id and needs_history(former, present_of(case), case.target):
        return Decision(Outcome.NEEDS_HISTORY, NextStep.KEEP)
    link = _with_overwritten(case, former)
    if not link_outlives_lead(lead, link):
        decision = skipped(case, link.detached_reason if link.detached_reason in SHOWN else REASON, notes)
        if link != former:
            decision.before, decision.lead = lead, lead.with_link(link)
        return decision
    busy = pair_is_busy(case, link)
    if busy is not None:
        return busy
    restored = _was_restored(case, link.pending)
    if restored or not archives(case.target):
        return detach_ended(case, lead, link, notes, archived=restored)
    if case.observation.read_before_lease:  # by now it may have been merged into another record
        return Decision(Outcome.NEEDS_READING, NextStep.KEEP)
    if case.deletions_left <= 0 and not case.work_item.notes.approved:
        return failed(case, "delete_cap")
    return write_would_be_unsafe(case) or _archive(case, lead, link, notes)


def _with_overwritten(case: Case, link: Link) -> Link:
    """The link with what our last write replaced unseen: that is not lost because the lead has ended (L2, R3)."""
    if link.record_id != case.work_item.record_id or not present_of(case).with_history:
        return link
    return look_for_overwritten(link, present_of(case).readings, case.target)


def detach_ended(case: Case, lead: Lead, link: Link, notes: Notes, *, archived: bool) -> Decision:
    """Detach the link of a deleted lead. Its record stays by policy, or was `archived`, perhaps by our write (R2)."""
    landed = archived and link.pending is not None and link.pending.kind is WriteKind.ARCHIVE
    after = lead.with_link(replace(link, detached_reason=REASON, pending=None))
    decision = Decision(Outcome.UNLINKED, reason=REASON, before=lead, lead=after, record_id=case.work_item.record_id)
    decision.notes = notes
    decision.counts.update(linked=-int(link.attached), to_crm_synced=int(landed))
    if link.pending is not None and link.pending.work_item_id != case.work_item.work_item_id:
        decision.ended_work_items.append(link.pending.work_item_id)
    return decision


def _archive(case: Case, lead: Lead, link: Link, notes: Notes) -> Decision:
    present, left_over = present_of(case), link.pending
    write = planned_write(case, WriteKind.ARCHIVE, {}, present.modified_at)
    newly = not link.attached
    link = replace(attach(link, case.work_item.record_id), pending=write, seen=link.saw(present.modified_at))
    after = lead.with_link(link)
    decision = Decision(
        Outcome.PUSHED, NextStep.WRITE, REASON, case.work_item.record_id, after, before=lead, write=write
    )
    decision.due_at = case.waits.write_is_over(write.until)
    decision.notes = replace(notes, approved=case.work_item.notes.approved)  # in case that it has to be tried again
    decision.names_lead = lead.lead_id
    decision.counts.update(deletions=1, linked=int(newly))
    decision.fields = _values_never_taken(case, link)
    if left_over is not None and left_over.work_item_id != case.work_item.work_item_id:
        decision.ended_work_items.append(left_over.work_item_id)
    return decision


def _was_restored(case: Case, pending: Pending | None) -> bool:
    """Whether our archiving landed without an answer and somebody restored the record: an event said it was deleted."""
    deleted_at = case.work_item.notes.deleted_at
    if pending is None or pending.kind is not WriteKind.ARCHIVE or pending.planned_at is None:
        return False
    return deleted_at is not None and deleted_at > pending.planned_at


def _values_never_taken(case: Case, link: Link) -> dict[str, FieldChange]:
    """Values that the CRM's people set and that the lead never took, since it ended before or at the same time (L2)."""
    base = link.base_under(case.target.mapping)
    return {
        name: FieldChange("crm", reading.value, "", "the record went to the archive with it")
        for name, reading in present_of(case).readings.items()
        if reading.value and (name not in base or not same(case.target.kind_of(name), reading.crm, base[name].crm))
    }
