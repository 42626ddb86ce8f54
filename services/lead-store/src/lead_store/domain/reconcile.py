"""From one reading of a record to one decision: the rules R1, R2, R5, R6, R8, R13 to R16, R18 and R20.

The order of questions: what was seen → which lead is it → may this work item decide now → what does the merge say.
"""

from dataclasses import replace

from lead_store.domain.absence import absent, merged_away, unlink
from lead_store.domain.archiving import duplicate_of_heir, present_of_ended, unfinished
from lead_store.domain.creation import create_record, hand_over
from lead_store.domain.decision import (
    UNDECIDED,
    Case,
    Decision,
    FieldChange,
    LeaseEnd,
    Outcome,
    failed,
    present_of,
    released,
    skipped,
)
from lead_store.domain.ending import as_own, linked_less
from lead_store.domain.identity import Found, find_lead, holders, owned_keys, rivals
from lead_store.domain.importing import create_lead
from lead_store.domain.keys import address_keys
from lead_store.domain.lead import Lead, should_import_from_crm
from lead_store.domain.link import Link, WriteKind, look_for_overwritten, recover
from lead_store.domain.match import Candidate
from lead_store.domain.merge import Ours, Plan, Theirs, plan
from lead_store.domain.observation import Absent, Archived, Merged, Present, Unreadable
from lead_store.domain.oscillation import hold_oscillating, resting
from lead_store.domain.pair import attach, detached, link_for, own_rules_only, pair_is_busy, planned_write
from lead_store.domain.rules import Direction
from lead_store.domain.work_item import READ_LAG, STALE_LIMIT, Notes, WorkItemTouch, touches_of, work_item_id

STALE_RETRY = READ_LAG / 5  # how soon a record whose reading was too old is read again


def reconcile(case: Case) -> Decision:
    """Decide on one work item by what was seen of its record. What a person chose for it is used up by the decision."""
    decision, notes = _decide(case), case.work_item.notes
    if decision.outcome not in UNDECIDED and (notes.choice or notes.candidates or decision.candidates):
        left = decision.notes or notes
        decision.notes = replace(left, candidates=decision.candidates, choice="", chooser="")
    return decision


def _decide(case: Case) -> Decision:
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
    found = find_lead(case)
    notes = _seen_notes(case)
    lead = found.lead or unfinished(case)
    if not found.anew and (lead is None or lead.deleted_at is not None):
        duplicate = duplicate_of_heir(case, notes)
        if duplicate is not None:
            return duplicate
    if found.candidates:
        return _ambiguous(case, found.candidates)
    if lead is not None:
        return _present_linked(case, lead, found, notes)
    if not found.anew and not should_import_from_crm(present_of(case).source_system, case.platform):
        return _count_skip(skipped(case, "originated_on_platform", notes), case)
    if case.tombstoned:
        return skipped(case, "erased", notes)  # R17: never imported again
    if not case.target.direction.from_crm:
        return skipped(case, "direction", notes)
    return create_lead(case, notes)


def _ambiguous(case: Case, candidates: tuple[Candidate, ...]) -> Decision:
    """A person has to say whose the record is. A lead that found it waits with it."""
    decision = replace(failed(case, "ambiguous_match"), candidates=candidates)
    if case.hopeful is not None:
        decision.idle_work_items.append(work_item_id(case.target.integration_id, lead_id=case.hopeful.lead_id))
    return decision


def _unreadable(case: Case, reason: str) -> Decision:
    """A person has to see to it that the record can be read; a lead that found it cannot go on either."""
    decision = failed(case, reason)
    if case.hopeful is not None and case.work_item.record_id:
        decision.failed_work_items[work_item_id(case.target.integration_id, lead_id=case.hopeful.lead_id)] = reason
    return decision


def _present_linked(case: Case, lead: Lead, found: Found, notes: Notes) -> Decision:
    if lead.deleted_at is not None:
        return present_of_ended(case, lead, notes)
    present, work_item = present_of(case), case.work_item
    link = link_for(case, lead)
    stale = link.seen is not None and present.modified_at < link.seen and link.record_id == work_item.record_id
    others = [other for other in holders(case) if other.lead_id != lead.lead_id]
    not_now = _somebody_writes(case, link, others) or _too_old(case, link, stale=stale)
    if not_now is not None:
        return not_now
    if found.moves:
        if link.pending is not None or link.wrote is not None:  # judged by the record that the lead leaves (R2, R3)
            return _ambiguous(case, case.work_item.notes.candidates)
        link = detached(link)
    left_over = link.pending
    if not present.with_history and (left_over is not None or link.wrote is not None):  # R2, R3
        return Decision(Outcome.NEEDS_HISTORY, LeaseEnd.KEPT)
    newly = not link.attached or link.record_id != work_item.record_id
    linked = int(newly and not (link.attached or found.moves))
    link = attach(link, work_item.record_id)
    if left_over is not None:
        link = as_own(recover(link, left_over, present.readings), left_over, lead)
    link = look_for_overwritten(link, present.readings)
    decision = _merge(case, lead, replace(link, seen=None) if stale else link, notes, newly=newly)
    if decision.outcome is Outcome.NEEDS_HISTORY:
        return decision
    if left_over is not None and left_over.work_item_id != work_item.work_item_id:
        decision.ended_work_items.append(left_over.work_item_id)
    decision.counts.update(stale_accepted=int(stale), linked=linked)
    _settle_identity(case, lead, found, others, decision)
    return decision


def _somebody_writes(case: Case, link: Link, others: list[Lead]) -> Decision | None:
    """Keep off while a write on the pair, or on one that this one replaces, is under way (R5)."""
    links = [other.link(case.target.integration_id) for other in others]
    busy = (pair_is_busy(case, one) for one in [link, *filter(None, links)])
    return next((decision for decision in busy if decision is not None), None)


def _settle_identity(case: Case, lead: Lead, found: Found, others: list[Lead], decision: Decision) -> None:
    """What a link means for others.

    The lead's work item, its e-mail, leads of merged records, leads that hoped for it.
    """
    integration_id = case.target.integration_id
    if found.newly:
        decision.idle_work_items.append(work_item_id(integration_id, lead_id=lead.lead_id))
    if found.by_key:
        decision.identities |= owned_keys(case)  # R16
    left = lead.link(integration_id)
    if found.moves and left is not None:  # the record that the lead leaves is looked at as one that nobody has
        decision.touches.append(WorkItemTouch(lead.tenant_id, integration_id, record_id=left.record_id))
    gone = [_let_go(case, other) for other in others]
    decision.duplicates = [(before, after) for before, after in gone if after != before]
    unlinked = linked_less((before for before, _ in decision.duplicates), ())[integration_id]
    decision.counts.update(from_crm_unlinked=unlinked, linked=-unlinked)
    for rival in rivals(case, lead) if found.newly or case.hopeful else ():
        # Two leads for one record need a person. A lead that is not to be pushed has no work item that could fail.
        decision.failed_work_items[work_item_id(integration_id, lead_id=rival.lead_id)] = "ambiguous_match"


def _let_go(case: Case, lead: Lead) -> tuple[Lead, Lead]:
    """The lead without the record, which another one keeps: people may merge the leads too (R15)."""
    link = lead.link(case.target.integration_id)
    if link is None or (lead.deleted_at is not None and link.detached_reason):
        return lead, lead
    reason = "lead_deleted" if lead.deleted_at is not None else "duplicate_lead"
    return lead, lead.with_link(replace(link, detached_reason=reason, duplicate_of=case.work_item.record_id))


def _too_old(case: Case, link: Link, *, stale: bool) -> Decision | None:
    """Refuse a reading older than what was seen (R1), and a page that says less than a new reading would (R8)."""
    if case.observation.read_before_lease and (stale or link.pending is not None):
        return Decision(Outcome.NEEDS_READING, LeaseEnd.KEPT)
    since = case.work_item.notes.stale_since
    if not stale or (since is not None and case.now - since >= STALE_LIMIT):
        return None
    return released(
        case, "stale_reading", case.now + STALE_RETRY, replace(case.work_item.notes, stale_since=since or case.now)
    )


def _merge(case: Case, lead: Lead, link: Link, notes: Notes, *, newly: bool) -> Decision:
    present, target = present_of(case), case.target
    ours = Ours(
        lead.values,
        {name: change.at for name, change in lead.changed.items()},
        {name: refusal.value for name, refusal in own_rules_only(case, link).items()},
    )
    theirs = Theirs(present.readings, present.modified_at, present.with_history)
    base = link.base_under(target.mapping)
    result = plan(ours, base, theirs, target.flows)
    if result.needs_history:
        return Decision(Outcome.NEEDS_HISTORY, LeaseEnd.KEPT)
    oscillations = {} if case.work_item.notes.push else link.oscillations  # a person who pushes the lead ends all rests
    oscillations = hold_oscillating(result, base, oscillations, present.readings, case.now)
    after = lead.with_values(result.to_lead, case.now, target.provider)
    decision = Decision(Outcome.UNCHANGED, before=lead, notes=notes, record_id=case.work_item.record_id)
    decision.names_lead = lead.lead_id
    if newly:
        decision.outcome = Outcome.LINKED
    if after is not lead:
        after = after.synced(Direction.FROM_CRM, target.provider, case.now, present.modified_at)
        decision.outcome = Outcome.LINKED if newly else Outcome.UPDATED
        decision.counts["from_crm_updated"] += 1
    write = planned_write(case, WriteKind.UPDATE, result.to_crm, present.modified_at) if result.to_crm else None
    if write is not None:
        decision.write, decision.end = write, LeaseEnd.HELD
        decision.outcome = Outcome.PUSHED if decision.outcome is Outcome.UNCHANGED else decision.outcome
    link = replace(
        link,
        base=result.base,
        mapping=target.mapping,
        pending=write,
        seen=link.saw(present.modified_at),
        emails=address_keys(present.emails),
        conflicts={n: c for n, c in link.conflicts.items() if n not in present.readings} | result.conflicts,
        oscillations=oscillations,
        refused={n: no for n, no in own_rules_only(case, link).items() if after.values.get(n, "") == no.value},
    )
    if write is None and (again_at := resting(oscillations, case.now)) is not None:
        decision.end, decision.due_at, decision.reason = LeaseEnd.WAITING, again_at, "field_paused"
    after = after.with_link(link)
    decision.lead = after if after != lead else None
    decision.fields = _field_changes(result)
    if result.to_lead:
        decision.touches = touches_of(after, case.other_targets)  # R20
    return _count_skip(decision, case)


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


def _seen_notes(case: Case) -> Notes:
    """What the work item remembers after a present reading.

    The reading answers the events that came before its lease; those that came since keep their notes.
    """
    present, notes, work_item = present_of(case), case.work_item.notes, case.work_item
    read_at = max(filter(None, (notes.read_at, present.modified_at)))
    seen = Notes(read_at=read_at, event_source=notes.event_source)
    if work_item.version == work_item.claimed_version:
        return seen
    since = work_item.claimed_at or case.now
    return replace(
        seen,
        match_lead_id=notes.match_lead_id,
        match_email=notes.match_email,
        push=notes.push,
        deleted_at=notes.deleted_at if notes.deleted_at and notes.deleted_at > since else None,
        erased_at=notes.erased_at if notes.erased_at and notes.erased_at > since else None,
    )


def _field_changes(result: Plan) -> dict[str, FieldChange]:
    sides = [("platform", result.to_lead), ("crm", result.to_crm)]
    return {
        name: FieldChange(side, result.replaced[name], value, result.because[name])
        for side, values in sides
        for name, value in values.items()
    }
