"""A lead ends: it was deleted, converted or merged. What becomes of its links, and of the records behind them.

Links are detached at once. Only the link to a record that has to be archived stays in use until that is done: the work
item of the record asks for the write (see `archiving.py`).
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from lead_store.domain.lead import EndReason, Lead
from lead_store.domain.lead_fields import TenantFields
from lead_store.domain.link import Link, Pending, WriteKind
from lead_store.domain.rules import RecordPolicy, Target
from lead_store.domain.values import same
from lead_store.domain.work_item import WorkItemTouch

DETACHED = {
    EndReason.DELETED: "lead_deleted",
    EndReason.CONVERTED: "lead_converted",
    EndReason.MERGED: "lead_merged",
}

DUPLICATE = "duplicate_lead"


def archives(target: Target) -> bool:
    """Whether the record of a deleted lead is put into this CRM's archive."""
    return target.direction.to_crm and target.deletions.record_policy is RecordPolicy.ARCHIVE


def end(lead: Lead, reason: EndReason, targets: Iterable[Target], at: datetime) -> Lead:
    """The lead after it has ended. Its links are detached, except those whose records have to be archived first."""
    kept = {target.integration_id for target in targets if reason is EndReason.DELETED and archives(target)}
    links = tuple(
        link
        if link.detached_reason or (link.integration_id in kept and (link.record_id or link.pending))
        else replace(link, detached_reason=DETACHED[reason])
        for link in lead.links
    )
    return replace(lead, links=links, deleted_at=at, end_reason=reason)


def merge(loser: Lead, survivor: Lead, at: datetime, fields: TenantFields) -> tuple[Lead, Lead]:
    """Both leads after one was merged into the other. The survivor takes over links that it has none of itself.

    Where both have a record in use, the loser's link is detached as a duplicate. Values are not copied. A create that
    is under way stays with the loser: the work item of its record will find the survivor through it.
    """
    kept: list[Link] = []
    for link in loser.links:
        own = survivor.link(link.integration_id)
        if link.detached_reason == DUPLICATE:  # the records were merged before the leads: nothing is left to do
            kept.append(replace(link, detached_reason=DETACHED[EndReason.MERGED]))
        elif own is not None and _has_record(own):
            duplicate = replace(link, detached_reason=DUPLICATE, duplicate_of=own.record_id)
            kept.append(link if link.detached_reason else duplicate)
        elif link.record_id and (link.attached or (own is None and not _has_account(survivor, link))):
            survivor = survivor.with_link(_taken_over(link, own, survivor, fields))
        else:
            kept.append(link if link.detached_reason else replace(link, detached_reason=DETACHED[EndReason.MERGED]))
    gone = replace(loser, links=tuple(kept), deleted_at=at, end_reason=EndReason.MERGED, merged_into=survivor.lead_id)
    return gone, survivor


def touches_of_merge(loser: Lead, survivor: Lead, after: Lead, targets: Iterable[Target]) -> list[WorkItemTouch]:
    """The work items that look again after a merge: of the links taken over, and the loser's where it is creating."""
    tenant_id, known = loser.tenant_id, {target.integration_id for target in targets}
    taken_over = [
        WorkItemTouch(tenant_id, link.integration_id, link.record_id, after.lead_id, quiet=not link.attached)
        for link in after.links
        if link.integration_id in known and link != survivor.link(link.integration_id)
    ]
    creating = [link.integration_id for link in loser.links if link.pending and not link.record_id]
    return taken_over + [WorkItemTouch(tenant_id, one, lead_id=loser.lead_id) for one in creating if one in known]


def without_foreign_base(link: Link, written: Pending, lead: Lead, target: Target) -> Link:
    """The link after a write landed that was planned for a lead which has since been merged into this one.

    Its values are base only where this lead has them too. Of any other write they are base as they are.
    """
    if not written.inherited:
        return link
    landed = written.values.items()
    foreign = {n for n, value in landed if n in link.base and link.base[n].platform == value}
    foreign -= {n for n, value in landed if same(target.kind_of(n), lead.values.get(n, ""), value)}
    return replace(link, base={name: base for name, base in link.base.items() if name not in foreign})


def fewer_links(before: Iterable[Lead], after: Iterable[Lead]) -> Counter[str]:
    """By integration, how many links in use there are fewer than before."""
    fewer = Counter(link.integration_id for lead in before for link in lead.links if link.attached)
    fewer.subtract(link.integration_id for lead in after for link in lead.links if link.attached)
    return +fewer


def _has_record(link: Link) -> bool:
    """Whether a link has a record in use, or will have one once its create has landed."""
    creating = link.pending is not None and link.pending.kind is WriteKind.CREATE
    return link.attached or (creating and not link.detached_reason)


def _has_account(lead: Lead, link: Link) -> bool:
    """Whether the lead has a record in use in the account that a link was made with, perhaps by another connection."""
    account = (link.provider, link.account_id)
    return any((own.provider, own.account_id) == account and own.attached for own in lead.links)


def _taken_over(link: Link, own: Link | None, survivor: Lead, fields: TenantFields) -> Link:
    """The link as the survivor's. It keeps the base of those fields whose agreed value the survivor has as well.

    The other fields have no base: otherwise it would look as if the survivor had changed a value that it never had.
    """
    former = (*own.former_record_ids, own.record_id) if own is not None else ()
    return replace(
        link,
        former_record_ids=tuple(record for record in (*former, *link.former_record_ids) if record),
        base={
            name: base
            for name, base in link.base.items()
            if same(fields.type_of(name), survivor.values.get(name, ""), base.platform)
        },
        pending=replace(link.pending, inherited=True) if link.pending else None,
        conflicts={},
        oscillations={},
    )
