"""Which lead is this record? By work item, merged records, a person's choice, the mark, who looked for it, and keys."""

from dataclasses import dataclass

from lead_store.domain.decision import Case, present_of
from lead_store.domain.fields import email_digest
from lead_store.domain.keys import keys_of
from lead_store.domain.lead import Lead
from lead_store.domain.match import CREATE_NEW, MOST_CANDIDATES, Candidate
from lead_store.domain.references import record_identities
from lead_store.domain.rules import MatchKey


@dataclass(frozen=True, slots=True)
class Found:
    """The lead of a record: none, one, or candidates among which a person has to choose."""

    lead: Lead | None = None
    newly: bool = False  # a link has to be made
    by_key: bool = False
    moves: bool = False  # a person has taken the lead from the record that it is linked to
    anew: bool = False  # a person has said that the record is a new lead
    candidates: tuple[Candidate, ...] = ()


def find_lead(case: Case) -> Found:
    """Find the lead of a present record. A deleted lead is the answer only if there is no other one."""
    found = _linked(case) or _picked(case) or _sought(case) or _by_keys(case)
    nobody = found.lead is None and not found.candidates and not found.anew
    if nobody and case.lead is not None and _has(case.lead, case):
        return Found(case.lead)
    return found


def holders(case: Case) -> list[Lead]:
    """Leads that are linked to this record, or to one that was merged into it (R15)."""
    own = [case.lead] if case.lead is not None and _has(case.lead, case) else []
    return own + [lead for lead in case.merged if lead not in own]


def rivals(case: Case, lead: Lead) -> list[Lead]:
    """Other live leads that found this record by their e-mail, or would: they have no record of their own.

    A duplicate is known as one already, unless its own work item has led here: a person pushed it (R13).
    """
    found = []
    for rival in filter(None, (case.hopeful, *case.nearby)):
        link = rival.link(case.target.integration_id)
        asks = rival is case.hopeful and (bool(case.work_item.notes.match_email) or rival is case.marked)
        duplicate = link is not None and link.detached_reason == "duplicate_lead"
        settled = link is not None and (link.attached or (duplicate and not asks))
        hopes = rival is case.hopeful or (link is None and MatchKey.EMAIL in _shared(rival, case))
        if hopes and not settled and rival.lead_id != lead.lead_id and rival.deleted_at is None:
            found.append(rival)
    return found


def owned_keys(case: Case) -> frozenset[str]:
    """The keys of the record by which no other commit may find or make a lead at the same time (R16)."""
    present = present_of(case)
    return record_identities(present.values, present.other_emails, case.target)


def _linked(case: Case) -> Found | None:
    """Of several holders the surviving mark, else the record's own, else the oldest lead keeps the record (R15)."""
    live = [lead for lead in holders(case) if lead.deleted_at is None]
    if not live:
        return None
    marked = next((lead for lead in live if lead is case.marked), None)
    own = next((lead for lead in live if _has(lead, case)), None)
    lead = marked or own or min(live, key=lambda lead: lead.lead_id)
    return Found(lead, newly=not _has(lead, case))


def _picked(case: Case) -> Found | None:
    """What a person has said of a record that waited. A lead that has gone since leaves the question open."""
    if case.work_item.notes.choice == CREATE_NEW:
        return Found(anew=True)
    lead = case.chosen
    if lead is None or lead.deleted_at is not None:
        return None
    return Found(lead, newly=True, by_key=True, moves=not _may_take(lead, case))


def _sought(case: Case) -> Found | None:
    """The lead that the record's mark names, that its former lead was merged into, or that found this record."""
    for lead in (case.marked, case.heir if case.lead and _has(case.lead, case) else None, case.hopeful):
        if lead is None or lead.deleted_at is not None:
            continue
        if _has(lead, case):
            return Found(lead)
        if lead is case.hopeful and lead is not case.marked and not _still_hopes(lead, case):
            continue
        if _may_take(lead, case):
            return Found(lead, newly=True, by_key=lead is case.hopeful)
        return Found(candidates=(Candidate(lead.lead_id, () if lead is case.marked else _shared(lead, case)),))
    return None


def _by_keys(case: Case) -> Found:
    """The lead that had the record through an earlier connection of its account, else the one that shares a key."""
    former = [lead for lead in case.nearby if lead.had_record(case.target, case.work_item.record_id)]
    matches = [lead for lead in former if lead.deleted_at is None] if former else _matches(case)
    if own := next((lead for lead in matches if _has(lead, case)), None):
        return Found(own)
    if not matches or not case.target.direction.from_crm:  # a link that only a record asks for would import it
        return Found()
    if len(matches) == 1 and _may_take(matches[0], case):
        return Found(matches[0], newly=True, by_key=True)
    return Found(candidates=tuple(Candidate(lead.lead_id, _shared(lead, case)) for lead in matches[:MOST_CANDIDATES]))


def _matches(case: Case) -> list[Lead]:
    """Live leads that share an e-mail with the record; only if there is none, those that share another key."""
    shared = [(lead, _shared(lead, case)) for lead in case.nearby if lead.deleted_at is None]
    by_email = [lead for lead, both in shared if MatchKey.EMAIL in both]
    return by_email or [lead for lead, both in shared if both]


def _shared(lead: Lead, case: Case) -> tuple[MatchKey, ...]:
    """The integration's keys that lead and record both have."""
    present, target = present_of(case), case.target
    own = keys_of(present.values, target.phone_region, present.other_emails)
    return own.shared_with(keys_of(lead.values, target.phone_region), target.match_keys)


def _has(lead: Lead, case: Case) -> bool:
    """Whether the lead is linked to the record, in use or not, also by an earlier connection of the same account."""
    link = lead.link(case.target.integration_id)
    if link is not None:
        return link.record_id == case.work_item.record_id
    return lead.had_record(case.target, case.work_item.record_id)


def _still_hopes(lead: Lead, case: Case) -> bool:
    """Whether the e-mail that found this record is still the lead's."""
    return case.work_item.notes.match_email in {"", email_digest(lead.values)}


def _may_take(lead: Lead, case: Case) -> bool:
    """Whether the lead is free for this record: not linked, detached, or linked to a record merged into this one."""
    link = lead.link(case.target.integration_id)
    return link is None or not link.attached or link.record_id in present_of(case).merged_record_ids
