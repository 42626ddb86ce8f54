"""Which lead is this record? By lane, merged records, the record's mark, who looked for it, and the exact e-mail."""

from dataclasses import dataclass

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
    """Find the lead of a present record."""
    record_id, integration_id = case.lane.record_id, case.target.integration_id
    if case.lead is not None and _has(case.lead, integration_id, record_id):
        return Found(case.lead)
    if case.merged:
        # The surviving mark, else the oldest lead, keeps the record (R15).
        marked = next((lead for lead in case.merged if lead is case.marked), None)
        return Found(marked or min(case.merged, key=lambda lead: lead.lead_id), newly=True)
    for lead in (case.marked, case.hopeful):
        if lead is None or lead.deleted_at is not None:
            continue
        if _has(lead, integration_id, record_id):
            return Found(lead)
        if _may_take(lead, case):
            return Found(lead, newly=True, by_email=lead is case.hopeful)
        return Found(ambiguous=True)
    return _by_email(case)


def _by_email(case: Case) -> Found:
    matches = [lead for lead in case.by_email if lead.deleted_at is None]
    if not matches or not case.target.direction.from_crm:  # a link that only a record asks for would import it
        return Found()
    if len(matches) == 1 and _may_take(matches[0], case):
        return Found(matches[0], newly=True, by_email=True)
    return Found(ambiguous=True)


def _has(lead: Lead, integration_id: str, record_id: str) -> bool:
    link = lead.link(integration_id)
    return link is not None and link.record_id == record_id


def _may_take(lead: Lead, case: Case) -> bool:
    """Whether the lead is free for this record: not linked, detached, or linked to a record merged into this one."""
    link = lead.link(case.target.integration_id)
    if link is None or not link.attached:
        return True
    return link.record_id in present_of(case).merged_record_ids
