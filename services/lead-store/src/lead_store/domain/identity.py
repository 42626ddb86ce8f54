"""Which lead is this record? By lane, merged records, the record's mark, who looked for it, and the exact e-mail."""

from dataclasses import dataclass

from lead_store.domain.fields import email_digest
from lead_store.domain.lead import Lead
from lead_store.domain.verdict import Case, present_of


@dataclass(frozen=True, slots=True)
class Found:
    """The lead of a record: none, one, or more than may be decided without a person."""

    lead: Lead | None = None
    newly: bool = False  # a link has to be made
    by_email: bool = False
    ambiguous: bool = False


def find_lead(case: Case) -> Found:
    """Find the lead of a present record. A deleted lead is the answer only if there is no other one."""
    found = _linked(case) or _sought(case) or _by_email(case)
    if found.lead is None and not found.ambiguous and case.lead is not None and _has(case.lead, case):
        return Found(case.lead)
    return found


def holders(case: Case) -> list[Lead]:
    """Leads that are linked to this record, or to one that was merged into it (R15)."""
    own = [case.lead] if case.lead is not None and _has(case.lead, case) else []
    return own + [lead for lead in case.merged if lead not in own]


def _linked(case: Case) -> Found | None:
    """Of several holders the surviving mark, else the record's own, else the oldest lead keeps the record (R15)."""
    live = [lead for lead in holders(case) if lead.deleted_at is None]
    if not live:
        return None
    marked = next((lead for lead in live if lead is case.marked), None)
    own = next((lead for lead in live if _has(lead, case)), None)
    lead = marked or own or min(live, key=lambda lead: lead.lead_id)
    return Found(lead, newly=not _has(lead, case))


def _sought(case: Case) -> Found | None:
    """The lead that the record's mark names, or one that found this record."""
    for lead in (case.marked, case.hopeful):
        if lead is None or lead.deleted_at is not None:
            continue
        if _has(lead, case):
            return Found(lead)
        if lead is case.hopeful and lead is not case.marked and not _still_hopes(lead, case):
            continue
        if _may_take(lead, case):
            return Found(lead, newly=True, by_email=lead is case.hopeful)
        return Found(ambiguous=True)
    return None


def _by_email(case: Case) -> Found:
    matches = [lead for lead in case.by_email if lead.deleted_at is None]
    if own := next((lead for lead in matches if _has(lead, case)), None):
        return Found(own)
    if not matches or not case.target.direction.from_crm:  # a link that only a record asks for would import it
        return Found()
    if len(matches) == 1 and _may_take(matches[0], case):
        return Found(matches[0], newly=True, by_email=True)
    return Found(ambiguous=True)


def _has(lead: Lead, case: Case) -> bool:
    """Whether the lead is linked to the record, in use or not, also by an earlier connection of the same account."""
    link = lead.link(case.target.integration_id)
    if link is not None:
        return link.record_id == case.lane.record_id
    return lead.had_record(case.target, case.lane.record_id)


def _still_hopes(lead: Lead, case: Case) -> bool:
    """Whether the e-mail that found this record is still the lead's."""
    return case.lane.notes.match_email in {"", email_digest(lead.values)}


def _may_take(lead: Lead, case: Case) -> bool:
    """Whether the lead is free for this record: not linked, detached, or linked to a record merged into this one."""
    link = lead.link(case.target.integration_id)
    return link is None or not link.attached or link.record_id in present_of(case).merged_record_ids
