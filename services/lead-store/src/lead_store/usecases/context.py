"""What a batch of decisions may look at: read once, and kept up to date with what the batch itself decides."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import uuid6

from lead_store.domain.addresses import address_keys, kept_keys
from lead_store.domain.clearing import clearings_in
from lead_store.domain.decision import Case, Decision
from lead_store.domain.lead import Lead
from lead_store.domain.lead_fields import TenantFields
from lead_store.domain.observation import Absent, Archived, Observation, Present
from lead_store.domain.references import identities, lookup_references, record_identities
from lead_store.domain.retry import Waits
from lead_store.domain.rules import MatchKey, Target
from lead_store.domain.work_item import WorkItem
from lead_store.mongo.store import Store
from lead_store.mongo.transaction import Session


@dataclass(slots=True)
class Context:
    """The leads that matter for a batch of work items of one target, and which records and e-mails were erased."""

    target: Target  # with the types of its fields
    fields: TenantFields
    other_targets: tuple[Target, ...]
    now: datetime
    leads: dict[str, Lead] = field(default_factory=dict)
    by_key: dict[str, set[str]] = field(default_factory=dict)
    by_record: dict[str, set[str]] = field(default_factory=dict)  # ids of leads that have or had this record
    erased_records: set[str] = field(default_factory=set)
    erased_emails: set[str] = field(default_factory=set)  # by their keys
    deletions_left: int = 0
    linked: int = 0
    cleared: Counter[str] = field(default_factory=Counter)

    def case(self, work_item: WorkItem, seen: Observation, platform: str, waits: Waits) -> Case:
        """Everything that the decision on one work item may look at; values that were seen in canonical form."""
        seen = seen.typed(self.fields)
        present = seen.state if isinstance(seen.state, Present) else None
        lead = self.leads.get(work_item.lead_id) or self._former(work_item)
        return Case(
            work_item=work_item,
            observation=seen,
            target=self.target,
            now=self.now,
            platform=platform,
            new_lead_id=str(uuid6.uuid7()),
            new_write_id=str(uuid6.uuid7()),
            lead=lead,
            marked=self._survivor(present.marked_lead_id) if present else None,
            finder=self._survivor(work_item.notes.match_lead_id),
            chosen=self._survivor(work_item.notes.choice),
            similar=self._similar(work_item, present) if present and not self.knows(work_item) else (),
            survivor=self._survivor(lead.merged_into) if lead is not None and lead.merged_into else None,
            merged=self._linked_to(present.merged_record_ids) if present else (),
            other_targets=self.other_targets,
            tombstoned=present is not None and self._is_erased(present),
            deletions_left=self.deletions_left,
            linked=self.linked,
            cleared=self.cleared,
            waits=waits,
        )

    def add(self, lead: Lead) -> None:
        """Note a lead's newest state."""
        self.leads[lead.lead_id] = lead
        for key in identities(lead.values, self.target.match_keys):
            self.by_key.setdefault(key, set()).add(lead.lead_id)
        for link in lead.links:
            self.by_record.setdefault(link.record_id, set()).add(lead.lead_id)

    def apply(self, decision: Decision) -> None:
        """Note what a decision makes of its leads, at the revisions that its commit will give them."""
        if decision.erases and decision.before is not None:
            self.leads.pop(decision.before.lead_id, None)
        if decision.lead is not None:
            revision = decision.lead.revision + 1 if decision.before is not None else 1
            self.add(replace(decision.lead, revision=revision))
        for _, after in decision.duplicates:
            self.add(replace(after, revision=after.revision + 1))
        self.deletions_left -= decision.counts["deletions"]
        self.cleared.update(clearings_in(decision.counts))

    def may_clear(self, records: Iterable[Present]) -> bool:
        """Whether a lead or its record lacks a value that they once agreed on."""
        links = ((lead, lead.link(self.target.integration_id)) for lead in self.leads.values())
        linked = {link.record_id: (lead, link) for lead, link in links if link is not None}
        return any(
            name in seen.readings and bool(seen.readings[name].value.strip()) != bool(lead.values.get(name))
            for seen in records
            for record_id in (seen.record_id, *seen.merged_record_ids)
            for lead, link in filter(None, [linked.get(record_id)])
            for name in link.base
        )

    def knows(self, work_item: WorkItem) -> bool:
        """Whether the work item names a live lead that is linked to its record."""
        lead = self.leads.get(work_item.lead_id)
        link = lead.link(self.target.integration_id) if lead is not None and lead.deleted_at is None else None
        return link is not None and link.record_id == work_item.record_id

    def _former(self, work_item: WorkItem) -> Lead | None:
        """A deleted lead that had this record, if the work item names none: the record must not be imported again."""
        if not work_item.record_id or work_item.lead_id:
            return None
        return next((lead for lead in self._with_record(work_item.record_id) if lead.deleted_at), None)

    def _with_record(self, record_id: str) -> list[Lead]:
        """Leads that have this record of the target's account, or had it, through this connection or an earlier one."""
        known = (self.leads.get(lead_id) for lead_id in sorted(self.by_record.get(record_id, ())))
        return [lead for lead in known if lead is not None and lead.had_record(self.target, record_id)]

    def _survivor(self, lead_id: str) -> Lead | None:
        """The lead, or the one it was merged into. Chains end, since a lead is only merged into a live one (L8)."""
        lead = self.leads.get(lead_id)
        while lead is not None and lead.merged_into:
            lead = self.leads.get(lead.merged_into)
        return lead

    def _similar(self, work_item: WorkItem, present: Present) -> tuple[Lead, ...]:
        """Leads that had this record through an earlier connection of its account, or that may share a key with it."""
        shared = record_identities(present.values, present.other_emails, self.target)
        ids = {lead_id for key in shared for lead_id in self.by_key.get(key, ())}
        ids |= {lead.lead_id for lead in self._with_record(work_item.record_id)}
        return tuple(self.leads[lead_id] for lead_id in sorted(ids) if lead_id in self.leads)

    def _linked_to(self, record_ids: tuple[str, ...]) -> tuple[Lead, ...]:
        """Leads whose link is to one of these records: in use, or detached because a record was gone (R13)."""
        leads = {lead.lead_id: lead for record_id in record_ids for lead in self._with_record(record_id)}
        links = ((lead, lead.link(self.target.integration_id)) for lead in leads.values())
        return tuple(
            lead for lead, link in links if link and (link.attached or link.was_gone) and link.record_id in record_ids
        )

    def _is_erased(self, present: Present) -> bool:
        """Whether the record, one merged into it, or one of its e-mails is that of a person who was erased (R17)."""
        records = {present.record_id, *present.merged_record_ids}
        return bool(records & self.erased_records or self.erased_emails.intersection(address_keys(present.emails)))


def read_context(
    store: Store,
    target: Target,
    other_targets: Iterable[Target],
    seen: Sequence[tuple[WorkItem | None, Observation]],
    now: datetime,
    session: Session | None,
) -> Context:
    """Read what the decisions on these work items may look at. Work items that are not held are left out."""
    fields = store.lead_fields.get(target.tenant_id, session)
    context = Context(target.typed(fields), fields, tuple(other_targets), now)
    held = [(work_item, observation.state) for work_item, observation in seen if work_item is not None]
    present = [(work_item, state) for work_item, state in held if isinstance(state, Present) and work_item.record_id]
    ids = {
        lead_id
        for work_item, _ in held
        for lead_id in (work_item.lead_id, work_item.notes.match_lead_id, work_item.notes.choice)
    }
    ids |= {state.marked_lead_id for _, state in present}
    for lead in store.leads.by_ids(target.tenant_id, ids - {""}, session).values():
        context.add(lead)
    records = {work_item.record_id for work_item, _ in held}
    merged = {record_id for _, state in present for record_id in state.merged_record_ids}
    # If a work item names no lead that has its record, leads are looked up by the record's id, the ids of records that
    # were merged into it, and its keys.
    unknown = [(work_item, state) for work_item, state in present if not context.knows(work_item)]
    emails = {email for _, state in unknown for email in state.emails}
    kept = kept_keys(emails) if MatchKey.EMAIL in target.match_keys else ()
    record_ids = merged | {work_item.record_id for work_item, _ in unknown}
    refs = {ref for _, state in unknown for ref in lookup_references(state.values, target)}
    for lead in [
        *store.leads.by_emails(target.tenant_id, kept, session),
        *store.leads.by_references(target.tenant_id, refs, session),
        *store.leads.by_records(target.tenant_id, target.account, record_ids, session),
    ]:
        context.add(lead)
    _read_survivors(store, context, session)
    context.erased_emails = store.tombstones.of_emails(target.tenant_id, emails, session)
    context.erased_records = store.tombstones.of_records(target.integration_id, (records | merged) - {""}, session)
    ended = any(lead.deleted_at is not None for lead in context.leads.values())  # their records may have to be archived
    if ended or any(isinstance(observation.state, Archived | Absent) for _, observation in seen):
        linked, deleted = store.counters.linked_and_deleted(target.integration_id, now, session)
        context.deletions_left = target.deletions.left(linked, deleted)
    if context.may_clear(state for _, state in present):
        context.linked, cleared = store.counters.linked_and_cleared(target.integration_id, now, session)
        context.cleared = Counter(cleared)
    return context


def _read_survivors(store: Store, context: Context, session: Session | None) -> None:
    """Read the leads that others were merged into, chain by chain."""
    known = list(context.leads.values())
    while ids := {lead.merged_into for lead in known} - {"", *context.leads}:
        known = list(store.leads.by_ids(context.target.tenant_id, ids, session).values())
        for lead in known:
            context.add(lead)
