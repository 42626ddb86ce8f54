"""What came of a write, and what that means for the pair (R7, R12, R21)."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from lead_store.domain.breaker import resting
from lead_store.domain.ending import as_own
from lead_store.domain.lane import LOOK_AGAIN, Lane, LaneTouch, Notes
from lead_store.domain.lead import Lead
from lead_store.domain.link import Link, Pending, Refusal, WriteKind, settle
from lead_store.domain.rules import Direction, Reading, Target
from lead_store.domain.verdict import FieldChange, LaneEnd, Outcome, Verdict


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
class EmailTaken:
    """Another record holds the e-mail; its id may be unknown."""

    record_id: str


@dataclass(frozen=True, slots=True)
class NotSent:
    """It certainly did not reach the CRM."""

    reason: str
    retry_after: timedelta


@dataclass(frozen=True, slots=True)
class WriteResult:
    """One result, under the lease that the write was handed out with."""

    lane_id: str
    fence: int
    write_id: str
    outcome: Done | Refused | EmailTaken | NotSent


@dataclass(frozen=True, slots=True)
class SettleCase:
    """A result and what it is about."""

    lane: Lane
    result: WriteResult
    target: Target
    now: datetime
    lead: Lead | None
    holder: Lead | None = None  # the lead that is linked to the written record, if that is another one


def settle_write(case: SettleCase) -> Verdict | None:
    """Conclude on one write; None if the pair no longer waits for it."""
    lead = case.lead
    link = lead.link(case.target.integration_id) if lead else None
    pending = link.pending if link else None
    if lead is None or link is None or pending is None or pending.write_id != case.result.write_id:
        return None
    match case.result.outcome:
        case Done() as done:
            return _done(case, lead, link, pending, done)
        case EmailTaken(record_id=record_id):
            return _email_taken(case, lead, link, pending, record_id)
        case Refused(reason=reason, fields=fields):
            return _refused(case, lead, link, pending, Refused(reason, tuple(f for f in fields if f in pending.values)))
        case NotSent(reason=reason, retry_after=retry_after):
            verdict = _base(case, lead, replace(link, pending=None), Outcome.RELEASED)
            verdict.end, verdict.reason, verdict.due_at = LaneEnd.WAITING, reason, case.now + retry_after
            verdict.counts["deletions"] -= int(pending.kind is WriteKind.ARCHIVE)
            return verdict


def _done(case: SettleCase, lead: Lead, link: Link, pending: Pending, done: Done) -> Verdict:
    if pending.kind is WriteKind.ARCHIVE:
        return _archived(case, lead, link)
    created = pending.kind is WriteKind.CREATE
    if case.holder is not None and case.holder.lead_id != lead.lead_id and created:
        # The CRM answers with a record that is another lead's: it has lost or re-used ids, and a person has to look.
        verdict = _base(case, lead, replace(link, pending=None), Outcome.FAILED)
        verdict.end, verdict.reason, verdict.record_id = LaneEnd.FAILED, "ambiguous_match", done.record_id
        verdict.counts["to_crm_failed"] += 1
        return verdict
    moved = not created and done.record_id != link.record_id  # the record was merged away: its lane leads on (R15)
    old = {name: base.crm for name, base in link.base.items()}
    link = as_own(settle(link, pending, done.answer, done.modified_at), pending, lead)
    link = replace(link, record_id=done.record_id if created else link.record_id)
    after = lead.with_link(link).synced(Direction.TO_CRM, case.target.provider, case.now, done.modified_at)
    verdict = _base(case, lead, link, Outcome.SETTLED)
    verdict.lead, verdict.record_id, verdict.notes = (
        after,
        done.record_id,
        replace(verdict.notes or Notes(), push=False),
    )
    if moved:
        verdict.touches.append(_record_touch(case, done.record_id, match=True))
    verdict.counts["to_crm_synced"] += 1
    verdict.fields = {
        name: FieldChange("crm", old.get(name, ""), value, "the CRM took it") for name, value in pending.values.items()
    }
    if (again_at := resting(link.swings, case.now)) is not None:
        verdict.end, verdict.due_at, verdict.reason = LaneEnd.WAITING, again_at, "field_paused"
    if created:
        verdict.counts["linked"] += int(link.attached)
        # The pair's work goes on in the record's lane. It is due only if the lead was edited meanwhile (R5), or if it
        # was waiting for this write; the CRM's own events on its new record make it look in any case.
        verdict.end = LaneEnd.IDLE
        edited = case.lane.version > case.lane.claimed_version
        verdict.touches.append(replace(_record_touch(case, done.record_id), quiet=not edited))
    return verdict


def _archived(case: SettleCase, lead: Lead, link: Link) -> Verdict:
    """The record of a deleted lead is in the CRM's bin."""
    gone = replace(link, pending=None, detached_reason=link.detached_reason or "lead_deleted")
    verdict = _base(case, lead, gone, Outcome.SETTLED)
    verdict.reason = "lead_deleted"
    verdict.notes = replace(case.lane.notes, approved=False, written=False)
    verdict.counts.update(to_crm_synced=1, linked=-int(link.attached))
    return verdict


def _email_taken(case: SettleCase, lead: Lead, link: Link, pending: Pending, record_id: str) -> Verdict:
    """Follow a 409 only when nothing carried our mark, that is on a create; otherwise the e-mail alone fails (R12)."""
    if pending.kind is not WriteKind.CREATE:
        fields = ("email",) if "email" in pending.values else ()
        return _refused(case, lead, link, pending, Refused("email_taken" if fields else "conflict", fields))
    if not record_id:
        return _refused(case, lead, link, pending, Refused("email_taken"))
    verdict = _base(case, lead, replace(link, pending=None), Outcome.RELEASED)
    verdict.reason, verdict.end, verdict.due_at = "record_found", LaneEnd.WAITING, case.now + LOOK_AGAIN
    verdict.touches.append(_record_touch(case, record_id, match=True))
    return verdict


def _refused(case: SettleCase, lead: Lead, link: Link, pending: Pending, refused: Refused) -> Verdict:
    """Let the named fields wait alone and send the others again (R21); without names the whole work has failed."""
    refusals = {name: Refusal(pending.values[name], refused.reason, case.target.fingerprint) for name in refused.fields}
    link = replace(link, pending=None, refused={**link.refused, **refusals})
    verdict = _base(case, lead, link, Outcome.REFUSED)
    verdict.reason = refused.reason
    verdict.counts["to_crm_failed"] += 1
    if not refusals:
        verdict.end = LaneEnd.FAILED
    elif len(refusals) < len(pending.values):
        verdict.end, verdict.due_at = LaneEnd.WAITING, case.now
    return verdict


def _base(case: SettleCase, lead: Lead, link: Link, outcome: Outcome) -> Verdict:
    notes = replace(case.lane.notes, written=outcome is Outcome.SETTLED and bool(link.wrote))
    record_id = link.record_id or case.lane.record_id
    return Verdict(outcome, before=lead, lead=lead.with_link(link), notes=notes, record_id=record_id, counts=Counter())


def _record_touch(case: SettleCase, record_id: str, *, match: bool = False) -> LaneTouch:
    lead_id = case.lead.lead_id if case.lead else ""
    return LaneTouch(
        case.lane.tenant_id,
        case.lane.integration_id,
        record_id=record_id,
        lead_id="" if match else lead_id,
        match_lead_id=lead_id if match else "",
    )
