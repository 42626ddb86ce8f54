"""What came of a write, and what that means for the pair (R7, R12, R21)."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from lead_store.domain.clearing import cleared_fields, counted
from lead_store.domain.decision import Decision, FieldChange, NextStep, Outcome
from lead_store.domain.ending import without_foreign_base
from lead_store.domain.landing import ignored_fields, settle
from lead_store.domain.lead import Lead
from lead_store.domain.link import Link, Pending, Refusal, WriteKind
from lead_store.domain.oscillation import first_pause_ends
from lead_store.domain.retry import PRODUCTION, Waits
from lead_store.domain.rules import Direction, Reading, Target
from lead_store.domain.work_item import Notes, WorkItem, WorkItemTouch


@dataclass(frozen=True, slots=True)
class Done:
    """The CRM took the write."""

    record_id: str
    modified_at: datetime | None
    answer: Mapping[str, Reading]


@dataclass(frozen=True, slots=True)
class Refused:
    """The CRM refused it for good; `fields` were named, or none."""

    reason: str
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Other records hold a value that must be unique, such as the e-mail; their ids may be unknown."""

    record_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stale:
    """A guarded write met a newer record. Nothing happened."""


@dataclass(frozen=True, slots=True)
class NotSent:
    """It certainly did not reach the CRM."""

    reason: str
    retry_after: timedelta


@dataclass(frozen=True, slots=True)
class WriteResult:
    """One result, under the lease that the write was handed out with."""

    work_item_id: str
    fence: int
    write_id: str
    outcome: Done | Refused | Duplicate | NotSent | Stale


@dataclass(frozen=True, slots=True)
class SettleCase:
    """A result and what it is about."""

    work_item: WorkItem
    result: WriteResult
    target: Target
    now: datetime
    lead: Lead | None
    holder: Lead | None = None  # the lead that is linked to the written record, if that is another one
    waits: Waits = PRODUCTION


def settle_write(case: SettleCase) -> Decision | None:
    """Conclude on one write; None if the pair no longer waits for it."""
    lead = case.lead
    link = lead.link(case.target.integration_id) if lead else None
    pending = link.pending if link else None
    if lead is None or link is None or pending is None or pending.write_id != case.result.write_id:
        return None
    match case.result.outcome:
        case Done() as done:
            return _done(case, lead, link, pending, done)
        case Duplicate(record_ids=record_ids):
            return _duplicate(case, lead, link, pending, record_ids)
        case Refused(reason=reason, fields=fields):
            return _refused(case, lead, link, pending, Refused(reason, tuple(f for f in fields if f in pending.values)))
        case NotSent(reason=reason, retry_after=retry_after):
            return _not_done(case, lead, link, pending, reason, case.now + case.waits.bounded(retry_after))
        case Stale():
            return _not_done(case, lead, link, pending, "write_stale", case.now)


def _not_done(case: SettleCase, lead: Lead, link: Link, pending: Pending, reason: str, again_at: datetime) -> Decision:
    """Nothing happened in the CRM: the work is due again, and no attempt is counted."""
    decision = _base(case, lead, replace(link, pending=None), Outcome.RELEASED)
    decision.next_step, decision.reason, decision.due_at = NextStep.RETRY, reason, again_at
    decision.counts["deletions"] -= int(pending.kind is WriteKind.ARCHIVE)
    decision.counts.update(counted(cleared_fields(pending.values), -1))
    return decision


def _done(case: SettleCase, lead: Lead, link: Link, pending: Pending, done: Done) -> Decision:
    if pending.kind is WriteKind.ARCHIVE:
        return _archived(case, lead, link)
    created = pending.kind is WriteKind.CREATE
    ignored = Refused("write_ignored", ignored_fields(pending, done.answer, case.target))
    if pending.values and len(ignored.fields) == len(pending.values) and not created:
        return _refused(case, lead, link, pending, ignored)
    if case.holder is not None and case.holder.lead_id != lead.lead_id and created:
        # The CRM answers with the record of another lead. It has lost or reused ids, so a person has to look.
        return replace(_ambiguous(case, lead, link), record_id=done.record_id)
    moved = not created and done.record_id != link.record_id  # the record was merged into this one (R15)
    old = {name: base.crm for name, base in link.base.items()}
    refusals = _refusals(case, pending, ignored)
    pending = replace(pending, values={name: pending.values[name] for name in pending.values if name not in refusals})
    link = settle(link, pending, done.answer, done.modified_at, case.target)
    link = without_foreign_base(link, pending, lead, case.target)
    link = replace(link, record_id=done.record_id if created else link.record_id, refused={**link.refused, **refusals})
    after = lead.with_link(link).synced(Direction.TO_CRM, case.target.provider, case.now, done.modified_at)
    decision = _base(case, lead, link, Outcome.SETTLED)
    decision.lead, decision.record_id, decision.reason = after, done.record_id, ignored.reason if refusals else ""
    decision.notes = replace(decision.notes or Notes(), push=False)
    if moved:
        decision.touches.append(_record_touch(case, done.record_id, match=True))
    decision.counts["to_crm_synced"] += 1
    decision.fields = {
        name: FieldChange("crm", old.get(name, ""), value, "the CRM took it") for name, value in pending.values.items()
    }
    if (again_at := first_pause_ends(link.oscillations, case.now)) is not None:
        decision.next_step, decision.due_at, decision.reason = NextStep.RETRY, again_at, "field_paused"
    if created:
        decision.counts["linked"] += int(link.attached)
        # The pair's work goes on in the record's work item. It becomes due only if the lead was edited meanwhile (R5),
        # or if it was waiting for this write. The CRM's own events on its new record will make it due in any case.
        decision.next_step = NextStep.HANDED_OVER
        edited = case.work_item.version > case.work_item.claimed_version
        decision.touches.append(replace(_record_touch(case, done.record_id), quiet=not edited))
    return decision


def _archived(case: SettleCase, lead: Lead, link: Link) -> Decision:
    """The record of a deleted lead is in the CRM's archive."""
    gone = replace(link, pending=None, detached_reason=link.detached_reason or "lead_deleted")
    decision = _base(case, lead, gone, Outcome.SETTLED)
    decision.reason = "lead_deleted"
    decision.notes = replace(case.work_item.notes, approved=False, written=False)
    decision.counts.update(to_crm_synced=1, linked=-int(link.attached))
    return decision


def _duplicate(case: SettleCase, lead: Lead, link: Link, pending: Pending, record_ids: tuple[str, ...]) -> Decision:
    """Follow the CRM to the other record only on a create, when no record had our mark; else the e-mail fails (R12)."""
    if pending.kind is not WriteKind.CREATE:
        fields = ("email",) if "email" in pending.values else ()
        return _refused(case, lead, link, pending, Refused("email_taken" if fields else "conflict", fields))
    if not record_ids:
        return _refused(case, lead, link, pending, Refused("email_taken"))
    if len(record_ids) > 1:
        return _ambiguous(case, lead, link)
    decision = _base(case, lead, replace(link, pending=None), Outcome.RELEASED)
    decision.reason, decision.next_step = "record_found", NextStep.RETRY
    decision.due_at = case.now + case.waits.look_again
    decision.touches.append(_record_touch(case, record_ids[0], match=True))
    return decision


def _ambiguous(case: SettleCase, lead: Lead, link: Link) -> Decision:
    """The CRM names records of which it is not known whose they are: a person has to look."""
    decision = _base(case, lead, replace(link, pending=None), Outcome.FAILED)
    decision.next_step, decision.reason = NextStep.FAILED, "ambiguous_match"
    decision.counts["to_crm_failed"] += 1
    return decision


def _refused(case: SettleCase, lead: Lead, link: Link, pending: Pending, refused: Refused) -> Decision:
    """The named fields wait alone, and the others are sent again (R21). Without names the whole work has failed."""
    refusals = _refusals(case, pending, refused)
    link = replace(link, pending=None, refused={**link.refused, **refusals})
    decision = _base(case, lead, link, Outcome.REFUSED)
    decision.reason = refused.reason
    decision.counts["to_crm_failed"] += 1
    if not refusals:
        decision.next_step = NextStep.FAILED
    elif len(refusals) < len(pending.values):
        decision.next_step, decision.due_at = NextStep.RETRY, case.now
    return decision


def _refusals(case: SettleCase, pending: Pending, refused: Refused) -> dict[str, Refusal]:
    return {name: Refusal(pending.values[name], refused.reason, case.target.fingerprint) for name in refused.fields}


def _base(case: SettleCase, lead: Lead, link: Link, outcome: Outcome) -> Decision:
    notes = replace(case.work_item.notes, written=outcome is Outcome.SETTLED and bool(link.last_write))
    record_id = link.record_id or case.work_item.record_id
    return Decision(outcome, before=lead, lead=lead.with_link(link), notes=notes, record_id=record_id, counts=Counter())


def _record_touch(case: SettleCase, record_id: str, *, match: bool = False) -> WorkItemTouch:
    lead_id = case.lead.lead_id if case.lead else ""
    return WorkItemTouch(
        case.work_item.tenant_id,
        case.work_item.integration_id,
        record_id=record_id,
        lead_id="" if match else lead_id,
        match_lead_id=lead_id if match else "",
    )
