"""From one reading of a record to one decision (R1, R2, R5, R6, R8, R13 to R16, R18 and R20).

The questions come in this order. What was seen? Which lead does the record belong to? Is a write on this lead and
record still under way? Which values have to change?
"""

from dataclasses import replace

from lead_store.domain.absence import absent, merged_away, unlink
from lead_store.domain.archiving import duplicate_of_survivor, lead_of_unanswered_create, present_after_end
from lead_store.domain.creation import create_record, hand_over
from lead_store.domain.decision import (
    UNDECIDED,
    Case,
    Decision,
    NextStep,
    Outcome,
    failed,
    present_of,
    released,
    skipped,
)
from lead_store.domain.ending import fewer_links, without_foreign_base
from lead_store.domain.identity import Found, competing_leads, find_lead, holders, owned_keys
from lead_store.domain.importing import create_lead
from lead_store.domain.landing import judge_pending, look_for_overwritten, needs_history
from lead_store.domain.lead import Lead, should_import_from_crm, should_sync_from_crm
from lead_store.domain.link import Link
from lead_store.domain.match import Candidate
from lead_store.domain.merge_pair import merge_pair
from lead_store.domain.observation import Absent, Archived, Merged, Present, Unreadable
from lead_store.domain.pair import (
    attach,
    detached,
    just_modified,
    link_for,
    pair_is_busy,
)
from lead_store.domain.work_item import Notes, WorkItemTouch, work_item_id


def reconcile(case: Case) -> Decision:
    """Decide on one work item by what was seen of its record. A person's choice for the record is used only once."""
    decision, notes = _decide(case), case.work_item.notes
    if decision.outcome not in UNDECIDED and (notes.choice or notes.candidates or decision.candidates):
        left = decision.notes or notes
        decision.notes = replace(left, candidates=decision.candidates, choice="", chooser="")
    return decision


def _decide(case: Case) -> Decision:
    """Decide by the state in which the record was seen."""
    work_item = case.work_item
    match case.observation.state:
        case Unreadable(reason=reason):
            return _unreadable(case, reason)
        case Present(record_id=record_id) if not work_item.record_id:
            return hand_over(case, record_id)
        case Absent() if not work_item.record_id:
            return create_record(case)
        case Present(record_id=record_id) if record_id != work_item.record_id:
            return merged_away(case, record_id)
        case Merged(into_record_id=record_id):
            return merged_away(case, record_id)
        case Archived():
            return unlink(case, "record_archived")
        case Absent():
            return absent(case)
        case _:
            return _present(case)


def _present(case: Case) -> Decision:
    """Find the record's lead. If there is none, decide whether the record may become a lead."""
    found = find_lead(case)
    notes = _notes_after_reading(case)
    lead = found.lead or lead_of_unanswered_create(case)
    if not found.as_new and (lead is None or lead.deleted_at is not None):
        duplicate = duplicate_of_survivor(case, notes)
        if duplicate is not None:
            return duplicate
    if found.candidates:
        return _ambiguous(case, found.candidates)
    if lead is not None:
        return _linked(case, lead, found, notes) if should_sync_from_crm(lead) else present_after_end(case, lead, notes)
    if not found.as_new and not should_import_from_crm(present_of(case).source_system, case.platform):
        return _count_skip(skipped(case, "originated_on_platform", notes), case)
    if case.tombstoned:
        return skipped(case, "erased", notes)  # R17: never imported again
    if not case.target.direction.from_crm:
        return skipped(case, "direction", notes)
    return create_lead(case, notes)


def _ambiguous(case: Case, candidates: tuple[Candidate, ...]) -> Decision:
    """A person has to say which lead the record belongs to. A lead that found it waits for the same answer."""
    decision = replace(failed(case, "ambiguous_match"), candidates=candidates)
    if case.finder is not None:
        decision.idle_work_items.append(work_item_id(case.target.integration_id, lead_id=case.finder.lead_id))
    return decision


def _unreadable(case: Case, reason: str) -> Decision:
    """A person has to make the record readable. Until then, the work of a lead that found it has failed too."""
    decision = failed(case, reason)
    if case.finder is not None and case.work_item.record_id:
        decision.failed_work_items[work_item_id(case.target.integration_id, lead_id=case.finder.lead_id)] = reason
    return decision


def _linked(case: Case, lead: Lead, found: Found, notes: Notes) -> Decision:
    """Link and merge the lead and the record, unless a write on them is under way or the reading is too old."""
    present, work_item = present_of(case), case.work_item
    link = link_for(case, lead)
    stale = link.seen is not None and present.modified_at < link.seen and link.record_id == work_item.record_id
    others = [other for other in holders(case) if other.lead_id != lead.lead_id]
    wait = _write_under_way(case, link, others) or _too_old(case, link, stale=stale)
    if wait is not None:
        return wait
    if found.moves:
        # A write to the record that the lead leaves is not judged yet, and only that record shows what became of it.
        if link.pending is not None or link.last_write is not None:
            return _ambiguous(case, case.work_item.notes.candidates)
        link = detached(link)
    left_over, unproven = link.pending, frozenset[str]()
    if needs_history(link, present, case.target):
        return Decision(Outcome.NEEDS_HISTORY, NextStep.KEEP)
    newly = not link.attached or link.record_id != work_item.record_id
    linked = int(newly and not (link.attached or found.moves))
    link = attach(link, work_item.record_id)
    if left_over is not None:
        link, unproven = judge_pending(link, left_over, present, case.target, marked=lead is case.marked)
        link = without_foreign_base(link, left_over, lead, case.target)
    link = look_for_overwritten(link, present.readings, case.target)
    decision = merge_pair(case, lead, replace(link, seen=None) if stale else link, notes, unproven, newly=newly)
    if decision.outcome in UNDECIDED or decision.outcome is Outcome.FAILED:
        return decision
    _count_skip(decision, case)
    if left_over is not None and left_over.work_item_id != work_item.work_item_id:
        decision.ended_work_items.append(left_over.work_item_id)
    decision.counts.update(stale_accepted=int(stale), linked=linked)
    _settle_identity(case, lead, found, others, decision)
    return decision


def _write_under_way(case: Case, link: Link, others: list[Lead]) -> Decision | None:
    """Wait while a write is under way on this pair, or on one that this one replaces (R5)."""
    links = [other.link(case.target.integration_id) for other in others]
    busy = (pair_is_busy(case, one) for one in [link, *filter(None, links)])
    return next((decision for decision in busy if decision is not None), None)


def _too_old(case: Case, link: Link, *, stale: bool) -> Decision | None:
    """Refuse a reading older than one before it (R1), and a page where a new reading would show more (R8)."""
    if case.observation.read_before_lease and (stale or link.pending is not None):
        return Decision(Outcome.NEEDS_READING, NextStep.KEEP)
    notes, waits = case.work_item.notes, case.waits
    if not stale or (notes.stale_since is not None and case.now - notes.stale_since >= waits.stale_limit):
        return None
    since = notes.stale_since or case.now
    return released(case, "stale_reading", case.now + waits.stale_again, replace(notes, stale_since=since))


def _settle_identity(case: Case, lead: Lead, found: Found, others: list[Lead], decision: Decision) -> None:
    """Add what the link changes elsewhere.

    Concerned are the lead's own work item, the keys of the person, the leads of merged records, and other leads that
    found the same record.
    """
    integration_id = case.target.integration_id
    if found.newly:
        decision.idle_work_items.append(work_item_id(integration_id, lead_id=lead.lead_id))
    if found.by_key:
        decision.identities |= owned_keys(case)  # R16
    left = lead.link(integration_id)
    if found.moves and left is not None:  # the record that the lead leaves has no lead now, so it is looked at
        decision.touches.append(WorkItemTouch(lead.tenant_id, integration_id, record_id=left.record_id))
    detached_leads = [(other, _without_record(case, other)) for other in others]
    decision.duplicates = [(before, after) for before, after in detached_leads if after != before]
    unlinked = fewer_links((before for before, _ in decision.duplicates), ())[integration_id]
    decision.counts.update(from_crm_unlinked=unlinked, linked=-unlinked)
    for other in competing_leads(case, lead) if found.newly or case.finder else ():
        # Two leads for one record need a person. A lead that is not to be pushed has no work item that could fail.
        decision.failed_work_items[work_item_id(integration_id, lead_id=other.lead_id)] = "ambiguous_match"


def _without_record(case: Case, lead: Lead) -> Lead:
    """The lead with its link detached, since another lead keeps the record: people may merge the leads too (R15)."""
    link = lead.link(case.target.integration_id)
    if link is None or (lead.deleted_at is not None and link.detached_reason):
        return lead
    reason = "lead_deleted" if lead.deleted_at is not None else "duplicate_lead"
    return lead.with_link(replace(link, detached_reason=reason, duplicate_of=case.work_item.record_id))


def _count_skip(decision: Decision, case: Case) -> Decision:
    """Count a `created` event on a record that we made ourselves: there is nothing to import (the origin gate)."""
    ours = not should_import_from_crm(present_of(case).source_system, case.platform)
    if not (case.work_item.notes.created and ours):
        return decision
    decision.skipped = True
    if decision.outcome is Outcome.UNCHANGED:
        decision.outcome, decision.reason = Outcome.SKIPPED, "originated_on_platform"
    if decision.counts["from_crm_skipped"] == 0:
        decision.counts["from_crm_skipped"] = 1
    return decision


def _notes_after_reading(case: Case) -> Notes:
    """What the work item remembers after a present reading.

    The reading answers every event that came before its lease. What later events left in the notes stays.
    """
    present, notes, work_item = present_of(case), case.work_item.notes, case.work_item
    read_at = notes.read_at if just_modified(case) else max(filter(None, (notes.read_at, present.modified_at)))
    after = Notes(read_at=read_at, event_source=notes.event_source)
    if work_item.version == work_item.claimed_version:
        return after
    since = work_item.claimed_at or case.now
    return replace(
        after,
        match_lead_id=notes.match_lead_id,
        match_email=notes.match_email,
        push=notes.push,
        deleted_at=notes.deleted_at if notes.deleted_at and notes.deleted_at > since else None,
        erased_at=notes.erased_at if notes.erased_at and notes.erased_at > since else None,
    )
