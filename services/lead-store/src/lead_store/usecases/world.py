"""What a batch of decisions may look at: read once, and kept up to date with what the batch itself decides."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import uuid6

from lead_store.domain.fields import email_key
from lead_store.domain.lane import Lane
from lead_store.domain.lead import Lead
from lead_store.domain.observation import Absent, Archived, Observation, Present
from lead_store.domain.rules import Target
from lead_store.domain.verdict import Case, Verdict
from lead_store.mongo.store import Store
from lead_store.mongo.transaction import Session


@dataclass(slots=True)
class World:
    """The leads around a batch of lanes of one target, and who of them was erased."""

    target: Target
    other_targets: tuple[Target, ...]
    now: datetime
    leads: dict[str, Lead] = field(default_factory=dict)
    by_email: dict[str, list[str]] = field(default_factory=dict)
    erased_records: set[str] = field(default_factory=set)
    erased_emails: set[str] = field(default_factory=set)
    deletions_left: int = 0

    def case(self, lane: Lane, seen: Observation, platform: str) -> Case:
        """Everything that the decision on one lane may look at."""
        present = seen.state if isinstance(seen.state, Present) else None
        return Case(
            lane=lane,
            observation=seen,
            target=self.target,
            now=self.now,
            platform=platform,
            new_lead_id=str(uuid6.uuid7()),
            new_write_id=str(uuid6.uuid7()),
            lead=self.leads.get(lane.lead_id),
            marked=self.leads.get(present.marked_lead_id) if present else None,
            hopeful=self.leads.get(lane.notes.match_lead_id),
            by_email=self._candidates(lane, present) if present else (),
            merged=self._linked_to(present.merged_record_ids) if present else (),
            other_targets=self.other_targets,
            tombstoned=present is not None and self._is_erased(present),
            deletions_left=self.deletions_left,
        )

    def keep(self, lead: Lead) -> None:
        """Note a lead's newest state."""
        self.leads[lead.lead_id] = lead
        ids = self.by_email.setdefault(lead.email_key, [])
        if lead.lead_id not in ids:
            ids.append(lead.lead_id)

    def take_in(self, verdict: Verdict) -> None:
        """Note what a verdict makes of its lead, at the revision that its commit will give it."""
        if verdict.erases and verdict.before is not None:
            self.leads.pop(verdict.before.lead_id, None)
        if verdict.lead is not None:
            revision = verdict.lead.revision + 1 if verdict.before is not None else 1
            self.keep(replace(verdict.lead, revision=revision))
        for _, after in verdict.duplicates:
            self.keep(replace(after, revision=after.revision + 1))
        self.deletions_left -= verdict.counts["deletions"]

    def knows(self, lane: Lane) -> bool:
        """Whether the lane names a live lead that is linked to its record."""
        lead = self.leads.get(lane.lead_id)
        link = lead.link(self.target.integration_id) if lead is not None and lead.deleted_at is None else None
        return link is not None and link.record_id == lane.record_id

    def _candidates(self, lane: Lane, present: Present) -> tuple[Lead, ...]:
        """Leads that had this record through an earlier connection of its account, else those with its e-mail."""
        target = self.target
        before = tuple(lead for lead in self.leads.values() if lead.had_record(target, lane.record_id))
        return before or self._with_email(_email_of(present))

    def _with_email(self, key: str) -> tuple[Lead, ...]:
        """Live leads with this e-mail; none for an empty one."""
        ids = self.by_email.get(key, []) if key else []
        leads = [self.leads[lead_id] for lead_id in ids if lead_id in self.leads]
        return tuple(lead for lead in leads if lead.email_key == key and lead.deleted_at is None)

    def _linked_to(self, record_ids: tuple[str, ...]) -> tuple[Lead, ...]:
        """Leads whose link is to one of these records and in use."""
        links = ((lead, lead.link(self.target.integration_id)) for lead in self.leads.values())
        return tuple(lead for lead, link in links if link and link.attached and link.record_id in record_ids)

    def _is_erased(self, present: Present) -> bool:
        """Whether the record, one merged into it, or its e-mail belongs to a person whose data was erased (R17)."""
        records = {present.record_id, *present.merged_record_ids}
        return bool(records & self.erased_records) or _email_of(present) in self.erased_emails


def read_world(
    store: Store,
    target: Target,
    other_targets: Iterable[Target],
    seen: Sequence[tuple[Lane | None, Observation]],
    now: datetime,
    session: Session | None,
) -> World:
    """Read what the decisions on these lanes may look at; lanes that are not held are left out."""
    world = World(target, tuple(other_targets), now)
    held = [(lane, observation.state) for lane, observation in seen if lane is not None]
    present = [(lane, state) for lane, state in held if isinstance(state, Present) and lane.record_id]
    ids = {lead_id for lane, _ in held for lead_id in (lane.lead_id, lane.notes.match_lead_id)}
    ids |= {state.marked_lead_id for _, state in present}
    for lead in store.leads.by_ids(target.tenant_id, ids - {""}, session).values():
        world.keep(lead)
    records = {lane.record_id for lane, _ in held}
    merged = {record_id for _, state in present for record_id in state.merged_record_ids}
    # A record whose lane names no lead that has it is looked up by its id, by those merged into it, and by e-mail.
    strangers = [(lane, state) for lane, state in present if not world.knows(lane)]
    emails = {_email_of(state) for _, state in strangers}
    unknown = merged | {lane.record_id for lane, _ in strangers}
    for lead in [
        *store.leads.by_emails(target.tenant_id, emails - {""}, session),
        *store.leads.by_records(target, unknown, session),
    ]:
        world.keep(lead)
    world.erased_emails = store.tombstones.of_emails(target.tenant_id, emails, session)
    world.erased_records = store.tombstones.of_records(target.integration_id, (records | merged) - {""}, session)
    if any(isinstance(observation.state, Archived | Absent) for _, observation in seen):
        world.deletions_left = store.counters.deletions_left(target, now, session)
    return world


def _email_of(present: Present) -> str:
    return email_key({name: reading.value for name, reading in present.readings.items()})
