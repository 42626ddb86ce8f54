"""What every decision on a pair of lead and record has to respect: whose write is under way, and how one is planned."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from lead_store.domain.decision import Case, Decision, LeaseEnd, Outcome, released
from lead_store.domain.lead import Lead
from lead_store.domain.link import Link, Pending, Refusal, WriteKind
from lead_store.domain.work_item import READ_LAG


def pair_is_busy(case: Case, link: Link) -> Decision | None:
    """Keep off a pair that another lease is writing (R5), until that write can be judged (R2).

    The holder itself gets its own write again, should it ask twice. None = the work item may decide.
    """
    pending, work_item = link.pending, case.work_item
    if pending is None:
        return None
    if pending.work_item_id == work_item.work_item_id and pending.fence == work_item.fence:
        return Decision(
            Outcome.PUSHED, LeaseEnd.HELD, before=case.lead, write=pending, record_id=work_item.record_id, repeated=True
        )
    free_at = pending.until + READ_LAG
    if case.now < free_at:
        return released(case, "pair_busy", free_at)
    if work_item.claimed_at is None or work_item.claimed_at < free_at:  # what was read may be older than the write
        return released(case, "pair_busy", case.now)
    return None


def own_link(case: Case) -> Link | None:
    """The work item's lead's link, if it is to the work item's record."""
    link = case.lead.link(case.target.integration_id) if case.lead else None
    return link if link is not None and link.record_id == case.work_item.record_id else None


def attach(link: Link, record_id: str) -> Link:
    """The link with this record, in use; a record that it had before is remembered."""
    if link.record_id == record_id:
        return replace(link, detached_reason="")
    former = (*link.former_record_ids, link.record_id) if link.record_id else link.former_record_ids
    return replace(link, record_id=record_id, former_record_ids=former, detached_reason="")


def detached(link: Link) -> Link:
    """The link before it goes to another record: with that nothing is agreed, and the one it leaves is nobody's.

    So an erasure of the lead's person (R17) does not reach the record that it leaves.
    """
    return replace(link, record_id="", base={}, seen=None, conflicts={}, refused={}, oscillations={}, duplicate_of="")


def planned_write(case: Case, kind: WriteKind, values: Mapping[str, str], basis: datetime | None) -> Pending:
    """A write under this lease, to be stored on the link before it is handed out."""
    work_item = case.work_item
    until = work_item.lease_until or case.now
    return Pending(
        case.new_write_id, kind, work_item.work_item_id, work_item.fence, until, values, basis, planned_at=case.now
    )


def link_for(case: Case, lead: Lead) -> Link:
    """The lead's link of the case's integration; a new one goes on from an earlier connection of the same account."""
    target = case.target
    if (link := lead.link(target.integration_id)) is not None:
        return link
    earlier = [old for old in lead.links if (old.provider, old.account_id) == (target.provider, target.account_id)]
    link = earlier[-1] if earlier else Link(target.integration_id, target.provider, target.account_id)
    return replace(link, integration_id=target.integration_id, pending=None, wrote=None)


def own_rules_only(case: Case, link: Link) -> dict[str, Refusal]:
    """Refusals that still count: those of the present mapping and rules (R21)."""
    return {name: no for name, no in link.refused.items() if no.rules == case.target.fingerprint}
