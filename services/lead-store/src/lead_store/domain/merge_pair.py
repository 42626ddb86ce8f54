"""One lead and its record: what the planner asks for, as the new states of lead and link and at most one write."""

from dataclasses import replace
from datetime import datetime

from lead_store.domain.addresses import address_keys
from lead_store.domain.clearing import cleared_fields, counted, past_cap
from lead_store.domain.decision import Case, Decision, FieldChange, NextStep, Outcome, failed, present_of
from lead_store.domain.lead import Lead
from lead_store.domain.link import Link, Pending, WriteKind
from lead_store.domain.merge import Ours, Plan, Theirs, plan
from lead_store.domain.oscillation import first_pause_ends, hold_oscillating
from lead_store.domain.pair import (
    current_refusals,
    not_sent_without_property,
    planned_write,
    still_refused,
    write_would_be_unsafe,
)
from lead_store.domain.rules import Direction
from lead_store.domain.work_item import Notes, touches_of


def merge_pair(case: Case, lead: Lead, link: Link, notes: Notes, unproven: frozenset[str], *, newly: bool) -> Decision:
    """Merge lead and record. The decision has the new states of lead and link, and the write, if there is one.

    `newly` = the link was made for this reading. Of `unproven` fields it is not known whether a write of ours landed.
    """
    present, target = present_of(case), case.target
    if case.work_item.notes.push:  # a person's push tries again what was refused
        link = replace(link, refused={})
    ours = Ours(
        lead.values,
        {name: change.source_time for name, change in lead.changed.items()},
        {name: refusal.value for name, refusal in current_refusals(case, link).items()},
    )
    all_history = present.with_history or not target.capabilities.history
    theirs = Theirs(present.readings, present.modified_at, all_history, {"email": present.other_emails})
    base = link.base_under(target.mapping)
    unproven |= {name for name, conflict in link.conflicts.items() if conflict.unproven}
    result = plan(ours, base, theirs, target.flows, unproven)
    if result.needs_history:
        return Decision(Outcome.NEEDS_HISTORY, NextStep.KEEP)
    if result.to_crm and (wait := write_would_be_unsafe(case)) is not None:
        return wait
    oscillations = {} if case.work_item.notes.push else link.oscillations  # a person's push ends all pauses
    oscillations = hold_oscillating(result, base, oscillations, present.readings, case.now, case.waits)
    cleared = cleared_fields({**result.to_lead, **result.to_crm})
    if past_cap(cleared, case):
        return failed(case, "clear_cap")
    if case.work_item.notes.approved and cleared_fields(result.to_crm):
        notes = replace(notes, approved=True)  # in case that the write has to be tried again
    set_at = {name: min(theirs.set_at(name), case.now) for name in result.to_lead}
    after = lead.with_values(result.to_lead, case.now, target.provider, set_at)
    outcome = Outcome.LINKED if newly else Outcome.UNCHANGED
    decision = Decision(outcome, before=lead, notes=notes, record_id=case.work_item.record_id)
    decision.names_lead = lead.lead_id
    decision.counts.update(counted(cleared))
    if after is not lead:
        after = after.synced(Direction.FROM_CRM, target.provider, case.now, present.modified_at)
        decision.outcome = Outcome.LINKED if newly else Outcome.UPDATED
        decision.counts["from_crm_updated"] += 1
    write = _write(case, result, present.modified_at)
    if write is not None:
        decision.write, decision.next_step = write, NextStep.WRITE
        decision.due_at = case.waits.write_is_over(write.until)
        decision.outcome = Outcome.PUSHED if decision.outcome is Outcome.UNCHANGED else decision.outcome
    elif (again_at := first_pause_ends(oscillations, case.now)) is not None:
        decision.next_step, decision.due_at, decision.reason = NextStep.RETRY, again_at, "field_paused"
    link = replace(
        link,
        base=result.base,
        mapping=target.mapping,
        pending=write,
        seen=link.saw(present.modified_at),
        emails=address_keys(present.emails),
        object=present.object or link.object,
        record_url=present.record_url or link.record_url,
        unreadable={**{n: u for n, u in link.unreadable.items() if n not in present.readings}, **present.unreadable},
        conflicts={n: c for n, c in link.conflicts.items() if n not in present.readings} | result.conflicts,
        oscillations=oscillations,
        refused=still_refused(case, link, after) | not_sent_without_property(case, link, after),
    )
    after = after.with_link(link)
    decision.lead = after if after != lead else None
    decision.fields = _field_changes(result)
    if result.to_lead:
        decision.touches = touches_of(after, case.other_targets)  # R20
    return decision


def _write(case: Case, result: Plan, basis: datetime | None) -> Pending | None:
    if not result.to_crm:
        return None
    replaces = {name: result.replaced[name] for name in result.to_crm}
    return planned_write(case, WriteKind.UPDATE, result.to_crm, basis, replaces)


def _field_changes(result: Plan) -> dict[str, FieldChange]:
    sides = [("platform", result.to_lead), ("crm", result.to_crm)]
    return {
        name: FieldChange(side, result.replaced[name], value, result.because[name])
        for side, values in sides
        for name, value in values.items()
    }
