"""What every decision on a lead and its record respects: a write that is under way, and how a write is planned."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType

from lead_store.domain.addresses import address_key, address_keys
from lead_store.domain.decision import Case, Decision, NextStep, Outcome, present_of, released
from lead_store.domain.lead import Lead
from lead_store.domain.link import Link, Pending, Refusal, WriteKind
from lead_store.domain.observation import Present
from lead_store.domain.values import same

PROPERTY_MISSING = "property_missing"


def pair_is_busy(case: Case, link: Link) -> Decision | None:
    """Leave a pair alone while another lease is writing it (R5), until that write can be judged (R2).

    A holder that asks twice gets its own write again. None = the work item may decide.
    """
    pending, work_item = link.pending, case.work_item
    if pending is None:
        return None
    free_at = case.waits.write_is_over(pending.until)
    if pending.work_item_id == work_item.work_item_id and pending.fence == work_item.fence:
        return Decision(
            Outcome.PUSHED,
            NextStep.WRITE,
            before=case.lead,
            write=pending,
            due_at=free_at,
            record_id=work_item.record_id,
            repeated=True,
        )
    if case.now < free_at:
        return released(case, "pair_busy", free_at)
    if work_item.claimed_at is None or work_item.claimed_at < free_at:  # the reading may be older than the write
        return released(case, "pair_busy", case.now)
    return None


def just_modified(case: Case) -> bool:
    """Whether the record counts as unread, since it was modified just before it was read (R9).

    Where modified-at is coarse or late, such a record may change once more without a newer modified-at. A reading under
    the lease began after the claim, a page at most `page_age` before it.
    """
    within, work_item = case.target.capabilities.unread_within, case.work_item
    began = work_item.claimed_at or case.now
    if case.observation.read_before_lease:
        began -= case.waits.page_age
    return bool(within) and present_of(case).modified_at > began - within


def write_would_be_unsafe(case: Case) -> Decision | None:
    """Wait with a guarded write while its guard could miss a change: the record was modified too recently (R3)."""
    if not case.target.capabilities.guarded_writes or not just_modified(case):
        return None
    if case.observation.read_before_lease:
        return Decision(Outcome.NEEDS_READING, NextStep.KEEP)
    return released(case, "just_modified", case.now + case.target.capabilities.unread_within)


def own_link(case: Case) -> Link | None:
    """The link of the work item's lead, if it is to the work item's record."""
    link = case.lead.link(case.target.integration_id) if case.lead else None
    return link if link is not None and link.record_id == case.work_item.record_id else None


def attach(link: Link, record_id: str) -> Link:
    """The link with this record, in use. A record that it had before is remembered."""
    if link.record_id == record_id:
        return replace(link, detached_reason="")
    former = (*link.former_record_ids, link.record_id) if link.record_id else link.former_record_ids
    return replace(link, record_id=record_id, former_record_ids=former, detached_reason="")


def detached(link: Link) -> Link:
    """The link before it goes to another record. Nothing is agreed with that one, and the one it leaves is not kept.

    So an erasure of the lead's person (R17) does not reach the record that it leaves.
    """
    return replace(
        link,
        record_id="",
        base={},
        seen=None,
        conflicts={},
        refused={},
        oscillations={},
        unreadable={},
        duplicate_of="",
        object="",
        record_url="",
    )


def planned_write(
    case: Case,
    kind: WriteKind,
    values: Mapping[str, str],
    basis: datetime | None,
    replaces: Mapping[str, str] = MappingProxyType({}),
) -> Pending:
    """A write under this lease, to be stored on the link before it is handed out."""
    work_item = case.work_item
    until = work_item.lease_until or case.now
    return Pending(
        *(case.new_write_id, kind, work_item.work_item_id, work_item.fence, until, values, basis),
        planned_at=case.now,
        replaces=replaces,
    )


def link_for(case: Case, lead: Lead) -> Link:
    """The lead's link of the case's integration. A new one goes on from an earlier connection of the same account."""
    target = case.target
    if (link := lead.link(target.integration_id)) is not None:
        return link
    earlier = [old for old in lead.links if (old.provider, old.account_id) == (target.provider, target.account_id)]
    link = earlier[-1] if earlier else Link(target.integration_id, target.provider, target.account_id)
    return replace(link, integration_id=target.integration_id, pending=None, last_write=None)


def not_sent_without_property(case: Case, link: Link, lead: Lead) -> dict[str, Refusal]:
    """Refusals of values that were set on the platform while the CRM does not have their property (R19, R21)."""
    if not present_of(case).missing:
        return {}
    target, base = case.target, link.base_under(case.target.mapping)
    missing = {name: rule for name, rule in target.flows.items() if name in present_of(case).missing}
    values = {name: lead.values.get(name, "") for name, rule in missing.items() if rule.direction.to_crm}
    agreed = {name: base[name].platform if name in base else "" for name in values}
    return {
        name: Refusal(value, PROPERTY_MISSING, target.fingerprint)
        for name, value in values.items()
        if not same(target.kind_of(name), value, agreed[name])
    }


def still_refused(case: Case, link: Link, lead: Lead) -> dict[str, Refusal]:
    """Refusals of values that the lead still has (R21)."""
    refusals, target = current_refusals(case, link), case.target
    return {
        name: no for name, no in refusals.items() if same(target.kind_of(name), lead.values.get(name, ""), no.value)
    }


def current_refusals(case: Case, link: Link) -> dict[str, Refusal]:
    """Refusals that still count (R21): those of the present mapping and rules whose reason has not gone."""
    state = case.observation.state
    return {
        name: no
        for name, no in link.refused.items()
        if no.rules == case.target.fingerprint and not (isinstance(state, Present) and _is_over(name, no, state))
    }


def _is_over(name: str, refusal: Refusal, present: Present) -> bool:
    """Whether the property is back, or the record has got the address that was another one's: people merged them."""
    if refusal.reason == PROPERTY_MISSING:
        return name in present.readings
    return refusal.reason == "email_taken" and address_key(refusal.value) in address_keys(present.emails)
