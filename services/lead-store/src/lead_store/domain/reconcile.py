"""From one reading of a record to one verdict: the rules R1, R2, R5, R6, R8, R13 to R16, R18 and R20.

The order of questions: what was seen → which lead is it → may this lane decide now → what does the merge say.
"""

from dataclasses import replace

from lead_store.domain.absence import absent, merged_away, unlink
from lead_store.domain.archiving import duplicate_of_heir, present_of_ended, unfinished
from lead_store.domain.breaker import hold_swinging, resting
from lead_store.domain.creation import create_record, hand_over
from lead_store.domain.ending import as_own, linked_less
from lead_store.domain.identity import Found, find_lead, holders, owned_keys, rivals
from lead_store.domain.importing import create_lead
from lead_store.domain.keys import address_keys
from lead_store.domain.lane import READ_LAG, STALE_LIMIT, LaneTouch, Notes, lane_id, touches_of
from lead_store.domain.lead import Lead, should_import_from_crm
from lead_store.domain.link import Link, WriteKind, look_for_overwritten, recover
from lead_store.domain.match import Candidate
from lead_store.domain.merge import Ours, Plan, Theirs, plan
from lead_store.domain.observation import Absent, Archived, Merged, Present, Unreadable
from lead_store.domain.pair import attach, detached, link_for, own_rules_only, pair_is_busy, planned_write
from lead_store.domain.rules import Direction
from lead_store.domain.verdict import (
    UNDECIDED,
    Case,
    FieldChange,
    LaneEnd,
    Outcome,
    Verdict,
    failed,
    present_of,
    released,
    skipped,
)

STALE_RETRY = READ_LAG / 5  # how soon a record whose reading was too old is read again


def reconcile(case: Case) -> Verdict:
    """Decide on one lane by what was seen of its record. What a person chose for it is used up by the decision."""
    verdict, notes = _decide(case), case.lane.notes
    if verdict.outcome not in UNDECIDED and (notes.choice or notes.candidates or verdict.candidates):
        left = verdict.notes or notes
        verdict.notes = replace(left, candidates=verdict.candidates, choice="", chooser="")
    return verdict


def _decide(case: Case) -> Verdict:
    lane = case.lane
    match case.observation.state:
        case Unreadable(reason=reason):
            return _unreadable(case, reason)
        case Present(record_id=record_id) if not lane.record_id:
            return hand_over(case, record_id)
        case Absent() if not lane.record_id:
            return create_record(case)
        case Present(record_id=record_id) if record_id != lane.record_id:
            return merged_away(case, record_id)
        case Merged(into_record_id=record_id):
            return merged_away(case, record_id)
        case Archived():
            return unlink(case, "record_archived")
        case Absent():
            return absent(case)
        case _:
            return _present(case)


def _present(case: Case) -> Verdict:
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


def _ambiguous(case: Case, candidates: tuple[Candidate, ...]) -> Verdict:
    """A person has to say whose the record is. A lead that found it waits with it."""
    verdict = replace(failed(case, "ambiguous_match"), candidates=candidates)
    if case.hopeful is not None:
        verdict.idle_lanes.append(lane_id(case.target.integration_id, lead_id=case.hopeful.lead_id))
    return verdict


def _unreadable(case: Case, reason: str) -> Verdict:
    """A person has to see to it that the record can be read; a lead that found it cannot go on either."""
    verdict = failed(case, reason)
    if case.hopeful is not None and case.lane.record_id:
        verdict.failed_lanes[lane_id(case.target.integration_id, lead_id=case.hopeful.lead_id)] = reason
    return verdict


def _present_linked(case: Case, lead: Lead, found: Found, notes: Notes) -> Verdict:
    if lead.deleted_at is not None:
        return present_of_ended(case, lead, notes)
    present, lane = present_of(case), case.lane
    link = link_for(case, lead)
    stale = link.seen is not None and present.modified_at < link.seen and link.record_id == lane.record_id
    others = [other for other in holders(case) if other.lead_id != lead.lead_id]
    not_now = _somebody_writes(case, link, others) or _too_old(case, link, stale=stale)
    if not_now is not None:
        return not_now
    if found.moves:
        if link.pending is not None or link.wrote is not None:  # judged by the record that the lead leaves (R2, R3)
            return _ambiguous(case, case.lane.notes.candidates)
        link = detached(link)
    left_over = link.pending
    if not present.with_history and (left_over is not None or link.wrote is not None):  # R2, R3
        return Verdict(Outcome.NEEDS_HISTORY, LaneEnd.KEPT)
    newly = not link.attached or link.record_id != lane.record_id
    linked = int(newly and not (link.attached or found.moves))
    link = attach(link, lane.record_id)
    if left_over is not None:
        link = as_own(recover(link, left_over, present.readings), left_over, lead)
    link = look_for_overwritten(link, present.readings)
    verdict = _merge(case, lead, replace(link, seen=None) if stale else link, notes, newly=newly)
    if verdict.outcome is Outcome.NEEDS_HISTORY:
        return verdict
    if left_over is not None and left_over.lane_id != lane.lane_id:
        verdict.ended_lanes.append(left_over.lane_id)
    verdict.counts.update(stale_accepted=int(stale), linked=linked)
    _settle_identity(case, lead, found, others, verdict)
    return verdict


def _somebody_writes(case: Case, link: Link, others: list[Lead]) -> Verdict | None:
    """Keep off while a write on the pair, or on one that this one replaces, is under way (R5)."""
    links = [other.link(case.target.integration_id) for other in others]
    busy = (pair_is_busy(case, one) for one in [link, *filter(None, links)])
    return next((verdict for verdict in busy if verdict is not None), None)


def _settle_identity(case: Case, lead: Lead, found: Found, others: list[Lead], verdict: Verdict) -> None:
    """What a link means for others: the lead's lane, its e-mail, leads of merged records, leads that hoped for it."""
    integration_id = case.target.integration_id
    if found.newly:
        verdict.idle_lanes.append(lane_id(integration_id, lead_id=lead.lead_id))
    if found.by_key:
        verdict.identities |= owned_keys(case)  # R16
    left = lead.link(integration_id)
    if found.moves and left is not None:  # the record that the lead leaves is looked at as one that nobody has
        verdict.touches.append(LaneTouch(lead.tenant_id, integration_id, record_id=left.record_id))
    gone = [_let_go(case, other) for other in others]
    verdict.duplicates = [(before, after) for before, after in gone if after != before]
    unlinked = linked_less((before for before, _ in verdict.duplicates), ())[integration_id]
    verdict.counts.update(from_crm_unlinked=unlinked, linked=-unlinked)
    for rival in rivals(case, lead) if found.newly or case.hopeful else ():
        # Two leads for one record need a person. A lead that is not to be pushed has no lane that could fail.
        verdict.failed_lanes[lane_id(integration_id, lead_id=rival.lead_id)] = "ambiguous_match"


def _let_go(case: Case, lead: Lead) -> tuple[Lead, Lead]:
    """The lead without the record, which another one keeps: people may merge the leads too (R15)."""
    link = lead.link(case.target.integration_id)
    if link is None or (lead.deleted_at is not None and link.detached_reason):
        return lead, lead
    reason = "lead_deleted" if lead.deleted_at is not None else "duplicate_lead"
    return lead, lead.with_link(replace(link, detached_reason=reason, duplicate_of=case.lane.record_id))


def _too_old(case: Case, link: Link, *, stale: bool) -> Verdict | None:
    """Refuse a reading older than what was seen (R1), and a page that says less than a new reading would (R8)."""
    if case.observation.read_before_lease and (stale or link.pending is not None):
        return Verdict(Outcome.NEEDS_READING, LaneEnd.KEPT)
    since = case.lane.notes.stale_since
    if not stale or (since is not None and case.now - since >= STALE_LIMIT):
        return None
    return released(
        case, "stale_reading", case.now + STALE_RETRY, replace(case.lane.notes, stale_since=since or case.now)
    )


def _merge(case: Case, lead: Lead, link: Link, notes: Notes, *, newly: bool) -> Verdict:
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
        return Verdict(Outcome.NEEDS_HISTORY, LaneEnd.KEPT)
    swings = {} if case.lane.notes.push else link.swings  # a person who pushes the lead ends all rests
    swings = hold_swinging(result, base, swings, present.readings, case.now)
    after = lead.with_values(result.to_lead, case.now, target.provider)
    verdict = Verdict(Outcome.UNCHANGED, before=lead, notes=notes, record_id=case.lane.record_id)
    verdict.names_lead = lead.lead_id
    if newly:
        verdict.outcome = Outcome.LINKED
    if after is not lead:
        after = after.synced(Direction.FROM_CRM, target.provider, case.now, present.modified_at)
        verdict.outcome = Outcome.LINKED if newly else Outcome.UPDATED
        verdict.counts["from_crm_updated"] += 1
    write = planned_write(case, WriteKind.UPDATE, result.to_crm, present.modified_at) if result.to_crm else None
    if write is not None:
        verdict.write, verdict.end = write, LaneEnd.HELD
        verdict.outcome = Outcome.PUSHED if verdict.outcome is Outcome.UNCHANGED else verdict.outcome
    link = replace(
        link,
        base=result.base,
        mapping=target.mapping,
        pending=write,
        seen=link.saw(present.modified_at),
        emails=address_keys(present.emails),
        conflicts={n: c for n, c in link.conflicts.items() if n not in present.readings} | result.conflicts,
        swings=swings,
        refused={n: no for n, no in own_rules_only(case, link).items() if after.values.get(n, "") == no.value},
    )
    if write is None and (again_at := resting(swings, case.now)) is not None:
        verdict.end, verdict.due_at, verdict.reason = LaneEnd.WAITING, again_at, "field_paused"
    after = after.with_link(link)
    verdict.lead = after if after != lead else None
    verdict.fields = _field_changes(result)
    if result.to_lead:
        verdict.touches = touches_of(after, case.other_targets)  # R20
    return _count_skip(verdict, case)


def _count_skip(verdict: Verdict, case: Case) -> Verdict:
    """Count a `created` event on a record that we made ourselves: there is nothing to import (the origin gate)."""
    ours = not should_import_from_crm(present_of(case).source_system, case.platform)
    if not (case.lane.notes.created and ours):
        return verdict
    verdict.skipped = True
    if verdict.outcome is Outcome.UNCHANGED:
        verdict.outcome, verdict.reason = Outcome.SKIPPED, "originated_on_platform"
    if verdict.counts["from_crm_skipped"] == 0:
        verdict.counts["from_crm_skipped"] = 1
    return verdict


def _seen_notes(case: Case) -> Notes:
    """What the lane remembers after a present reading.

    The reading answers the events that came before its lease; those that came since keep their notes.
    """
    present, notes, lane = present_of(case), case.lane.notes, case.lane
    read_at = max(filter(None, (notes.read_at, present.modified_at)))
    seen = Notes(read_at=read_at, event_source=notes.event_source)
    if lane.version == lane.claimed_version:
        return seen
    since = lane.claimed_at or case.now
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
