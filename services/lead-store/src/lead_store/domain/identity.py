"""Which lead is this record's? It asks in this order: links, a person's choice, the mark, a search, shared keys."""

from dataclasses import dataclass

from lead_store.domain.addresses import address_key
from lead_store.domain.decision import Case, present_of
from lead_store.domain.fields import email_digest, email_key
from lead_store.domain.keys import Keys, keys_of
from lead_store.domain.lead import Lead
from lead_store.domain.match import CREATE_NEW, MOST_CANDIDATES, Candidate
from lead_store.domain.references import record_identities
from lead_store.domain.rules import MatchKey


@dataclass(frozen=True, slots=True)
class Found:
    """The lead of a record: one, none, or several among which a person has to choose."""

    lead: Lead | None = None
    newly: bool = False  # a link has to be made
    by_key: bool = False
    moves: bool = False  # a person has taken the lead from the record that it is linked to
    as_new: bool = False  # a person has said that the record is a new lead
    candidates: tuple[Candidate, ...] = ()


def find_lead(case: Case) -> Found:
    """Find the lead of a present record. A deleted lead is the answer only if there is no other one."""
    found = _linked(case) or _picked(case) or _by_mark_or_search(case) or _by_keys(case)
    nothing = found.lead is None and not found.candidates and not found.as_new
    if nothing and case.lead is not None and _has(case.lead, case):
        return Found(case.lead)
    return found


def holders(case: Case) -> list[Lead]:
    """Leads that are linked to this record, or to one that was merged into it (R15)."""
    own = [case.lead] if case.lead is not None and _has(case.lead, case) else []
    return own + [lead for lead in case.merged if lead not in own]


def competing_leads(case: Case, lead: Lead) -> list[Lead]:
    """Other live leads without a record that found this record by their e-mail, or would find it.

    A lead that is known as a duplicate does not count, unless its own work item has led here: a person pushed it (R13).
    """
    competing = []
    for other in filter(None, (case.finder, *case.similar)):
        link = other.link(case.target.integration_id)
        asked = other is case.finder and (bool(case.work_item.notes.match_email) or other is case.marked)
        duplicate = link is not None and link.detached_reason == "duplicate_lead"
        settled = link is not None and (link.attached or (duplicate and not asked))
        wants_it = other is case.finder or (link is None and MatchKey.EMAIL in _shared(other, case))
        if wants_it and not settled and other.lead_id != lead.lead_id and other.deleted_at is None:
            competing.append(other)
    return competing


def owned_keys(case: Case) -> frozenset[str]:
    """The keys of the record by which no other commit may find or make a lead at the same time (R16)."""
    present = present_of(case)
    return record_identities(present.values, present.other_emails, case.target)


def _linked(case: Case) -> Found | None:
    """The linked lead. Of several the marked one keeps the record, else the record's own, else the primary's (R15).

    A merge may give the record a new id. The primary's lead is known by its e-mail then; else the oldest keeps it.
    """
    live = [lead for lead in holders(case) if lead.deleted_at is None]
    if not live:
        return None
    marked = next((lead for lead in live if lead is case.marked), None)
    own = next((lead for lead in live if _has(lead, case)), None)
    primary = next((lead for lead in live if _had_its_email(lead, case)), None)
    lead = marked or own or primary or min(live, key=lambda lead: lead.lead_id)
    return Found(lead, newly=not _has(lead, case))


def _had_its_email(lead: Lead, case: Case) -> bool:
    """Whether the lead's record had the e-mail that the merged record has: a merge keeps the primary's."""
    link, key = lead.link(case.target.integration_id), email_key(present_of(case).values)
    base = link.base.get("email") if link is not None else None
    return base is not None and key != "" and address_key(base.crm) == key


def _picked(case: Case) -> Found | None:
    """What a person has chosen for a record that waited. A chosen lead that is gone leaves the question open."""
    if case.work_item.notes.choice == CREATE_NEW:
        return Found(as_new=True)
    lead = case.chosen
    if lead is None or lead.deleted_at is not None:
        return None
    return Found(lead, newly=True, by_key=True, moves=not _may_take(lead, case))


def _by_mark_or_search(case: Case) -> Found | None:
    """The lead that the mark names, the one that the record's former lead was merged into, or the one that found it."""
    for lead in (case.marked, case.survivor if case.lead and _has(case.lead, case) else None, case.finder):
        if lead is None or lead.deleted_at is not None:
            continue
        if _has(lead, case):
            return Found(lead)
        if lead is case.finder and lead is not case.marked and not _search_still_holds(lead, case):
            continue
        asks = lead is case.finder and lead is not case.marked and _only_share_a_role(lead, case)
        if _may_take(lead, case) and not asks:
            return Found(lead, newly=True, by_key=lead is case.finder)
        return Found(candidates=(Candidate(lead.lead_id, () if lead is case.marked else _shared(lead, case)),))
    return None


def _by_keys(case: Case) -> Found:
    """The lead that had the record through an earlier connection of its account, else the one that shares a key."""
    former = [lead for lead in case.similar if lead.had_record(case.target, case.work_item.record_id)]
    matches = [lead for lead in former if lead.deleted_at is None] if former else _matches(case)
    if own := next((lead for lead in matches if _has(lead, case)), None):
        return Found(own)
    if not matches or not case.target.direction.from_crm:  # such a link would be an import
        return Found()
    asks = not former and any(_only_share_a_role(lead, case) for lead in matches)
    if len(matches) == 1 and _may_take(matches[0], case) and not asks:
        return Found(matches[0], newly=True, by_key=True)
    return Found(candidates=tuple(Candidate(lead.lead_id, _shared(lead, case)) for lead in matches[:MOST_CANDIDATES]))


def _matches(case: Case) -> list[Lead]:
    """Live leads that share an e-mail with the record; only if there is none, those that share another key."""
    shared = [(lead, _shared(lead, case)) for lead in case.similar if lead.deleted_at is None]
    by_email = [lead for lead, both in shared if MatchKey.EMAIL in both]
    return by_email or [lead for lead, both in shared if both]


def _shared(lead: Lead, case: Case) -> tuple[MatchKey, ...]:
    """The integration's keys that lead and record both have."""
    return _record_keys(case).shared_with(keys_of(lead.values, case.target.phone_region), case.target.match_keys)


def _only_share_a_role(lead: Lead, case: Case) -> bool:
    """Whether only a mailbox such as info@ speaks for the lead: a person has to say whether it is the record's."""
    return _record_keys(case).only_share_a_role(keys_of(lead.values, case.target.phone_region), case.target.match_keys)


def _record_keys(case: Case) -> Keys:
    present = present_of(case)
    return keys_of(present.values, case.target.phone_region, present.other_emails)


def _has(lead: Lead, case: Case) -> bool:
    """Whether the lead is linked to the record, in use or not, also by an earlier connection of the same account."""
    link = lead.link(case.target.integration_id)
    if link is not None:
        return link.record_id == case.work_item.record_id
    return lead.had_record(case.target, case.work_item.record_id)


def _search_still_holds(lead: Lead, case: Case) -> bool:
    """Whether the e-mail that found this record is still the lead's."""
    return case.work_item.notes.match_email in {"", email_digest(lead.values)}


def _may_take(lead: Lead, case: Case) -> bool:
    """Whether the lead is free for this record: not linked, detached, or linked to a record merged into this one."""
    link = lead.link(case.target.integration_id)
    return link is None or not link.attached or link.record_id in present_of(case).merged_record_ids
