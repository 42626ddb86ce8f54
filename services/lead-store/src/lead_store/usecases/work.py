"""The work on records: reconcile what was seen, settle what was written, release what could not be done.

Up to a hundred lanes commit in one transaction. When that loses against other commits, each lane commits on its own,
and one that loses five times more is released as due: nothing is decided on a state that has moved.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeVar

import structlog
import uuid6

from lead_store.domain.fields import email_key
from lead_store.domain.lane import Lane, backoff
from lead_store.domain.lead import Lead
from lead_store.domain.observation import Absent, Archived, Observation, Present
from lead_store.domain.reconcile import reconcile
from lead_store.domain.rules import Target
from lead_store.domain.settlement import Done, SettleCase, WriteResult, settle_write
from lead_store.domain.verdict import Case, LaneEnd, Outcome, Verdict
from lead_store.mongo.store import Store
from lead_store.mongo.transaction import Contended, Session
from lead_store.usecases.lease import WorkBell
from lead_store.usecases.narration import tell

Item = TypeVar("Item", Observation, WriteResult)
FENCED = Verdict(Outcome.FENCED, LaneEnd.KEPT)
LONE_TRIES = 5
log = structlog.get_logger()


@dataclass(slots=True)
class World:
    """What one transaction has read, kept up to date with what it decides."""

    leads: dict[str, Lead]
    by_email: dict[str, list[str]]
    erased_records: set[str] = field(default_factory=set)
    erased_emails: set[str] = field(default_factory=set)
    deletions_left: int = 0

    @classmethod
    def of(cls, leads: list[Lead]) -> "World":
        """A world of these leads."""
        world = cls({}, {})
        for lead in leads:
            world.keep(lead)
        return world

    def keep(self, lead: Lead) -> None:
        """Note a lead's newest state."""
        self.leads[lead.lead_id] = lead
        ids = self.by_email.setdefault(lead.email_key, [])
        if lead.lead_id not in ids:
            ids.append(lead.lead_id)

    def with_email(self, key: str) -> tuple[Lead, ...]:
        """Live leads with this e-mail; none for an empty one."""
        leads = [self.leads[lead_id] for lead_id in self.by_email.get(key, [])] if key else []
        return tuple(lead for lead in leads if lead.email_key == key and lead.deleted_at is None)

    def linked_to(self, integration_id: str, record_ids: tuple[str, ...]) -> tuple[Lead, ...]:
        """Leads whose link of this integration is to one of these records and in use."""
        links = ((lead, lead.link(integration_id)) for lead in self.leads.values())
        return tuple(lead for lead, link in links if link and link.attached and link.record_id in record_ids)

    def is_erased(self, present: Present) -> bool:
        """Whether the record, one merged into it, or its e-mail belongs to a person whose data was erased (R17)."""
        records = {present.record_id, *present.merged_record_ids}
        return bool(records & self.erased_records) or _email_of(present) in self.erased_emails

    def take_in(self, verdict: Verdict) -> None:
        """Note what a verdict makes of its lead, at the revision that its commit will give it."""
        if verdict.lead is not None:
            revision = verdict.lead.revision + 1 if verdict.before is not None else 1
            self.keep(replace(verdict.lead, revision=revision))
        for _, after in verdict.duplicates:
            self.keep(replace(after, revision=after.revision + 1))


@dataclass(frozen=True, slots=True)
class Work:
    """The use cases of a worker that holds leases."""

    store: Store
    bell: WorkBell
    platform: str

    def reconcile(self, worker_id: str, observations: list[Observation]) -> list[Verdict]:
        """Decide on observed records. The answer has one verdict per observation, in their order."""
        return self._decide(worker_id, observations, self._reconcile_in)

    def settle(self, worker_id: str, results: list[WriteResult]) -> list[bool]:
        """Note what came of writes; False where the lease was lost and nothing changed."""
        verdicts = self._decide(worker_id, results, self._settle_in)
        return [verdict is not FENCED for verdict in verdicts]

    def release(self, worker_id: str, lane: str, fence: int, reason: str, wait: timedelta, *, counts: bool) -> None:
        """Give a lane back without a decision, due again after a wait; one that counts waits longer each time."""
        held = self.store.lanes.held([lane], worker_id).get((lane, fence))
        if held is not None:
            jitter = backoff(held.attempts, random.random()) if counts else timedelta()  # noqa: S311 - no secret
            self.store.lanes.release(held, reason, max(wait, jitter), counts=counts)

    def fail(self, worker_id: str, lane: str, fence: int, reason: str) -> None:
        """Give a lane up until a person redrives it or its record changes again."""
        held = self.store.lanes.held([lane], worker_id).get((lane, fence))
        if held is not None:
            self.store.lanes.fail(held, reason)
            log.warning("Work failed", lane_id=lane, reason=reason)

    def _decide(
        self,
        worker_id: str,
        items: list[Item],
        decide_in: Callable[[str, list[Item], datetime, Session], list[tuple[Lane | None, Verdict]]],
    ) -> list[Verdict]:
        now = self.store.now()

        def commit(some: list[Item]) -> Callable[[Session], list[tuple[Lane | None, Verdict]]]:
            def work(session: Session) -> list[tuple[Lane | None, Verdict]]:
                decided = decide_in(worker_id, some, now, session)
                self.store.commit([(lane, verdict) for lane, verdict in decided if lane is not None], now, session)
                return decided

            return work

        try:
            decided = self.store.transact(commit(items), tries=1)
        except Contended:
            decided = [self._alone(commit([item]), worker_id, item) for item in items]
        tell(decided)
        if any(verdict.touches for _, verdict in decided):
            self.bell.ring()
        return [verdict for _, verdict in decided]

    def _alone(
        self, work: Callable[[Session], list[tuple[Lane | None, Verdict]]], worker_id: str, item: Item
    ) -> tuple[Lane | None, Verdict]:
        try:
            return self.store.transact(work, tries=LONE_TRIES)[0]
        except Contended:
            if isinstance(item, Observation):
                self.release(worker_id, item.lane_id, item.fence, "contended", timedelta(), counts=False)
                return None, Verdict(Outcome.RELEASED, LaneEnd.KEPT, "contended")
            return None, FENCED

    def _reconcile_in(
        self, worker_id: str, observations: list[Observation], now: datetime, session: Session
    ) -> list[tuple[Lane | None, Verdict]]:
        held = self.store.lanes.held([seen.lane_id for seen in observations], worker_id, session)
        lanes = [held.get((seen.lane_id, seen.fence)) for seen in observations]
        target, others = self._targets(lanes, session)
        if target is None:
            return [(None, FENCED) for _ in observations]
        world = self._world(target, list(zip(lanes, observations, strict=True)), now, session)
        decided: list[tuple[Lane | None, Verdict]] = []
        for lane, seen in zip(lanes, observations, strict=True):
            if (
                lane is None
                or lane.lease_until is None
                or lane.lease_until <= now
                or lane.integration_id != target.integration_id
            ):
                decided.append((None, FENCED))
                continue
            verdict = reconcile(self._case(lane, seen, target, others, world, now))
            world.take_in(verdict)
            world.deletions_left -= verdict.counts["deletions"]
            decided.append((lane, verdict))
        return decided

    def _settle_in(
        self, worker_id: str, results: list[WriteResult], now: datetime, session: Session
    ) -> list[tuple[Lane | None, Verdict]]:
        held = self.store.lanes.held([result.lane_id for result in results], worker_id, session)
        lanes = [held.get((result.lane_id, result.fence)) for result in results]
        target, _ = self._targets(lanes, session)
        if target is None:
            return [(None, FENCED) for _ in results]
        world = World.of(list(self._leads(target, {lane.lead_id for lane in lanes if lane}, session).values()))
        written = {result.outcome.record_id for result in results if isinstance(result.outcome, Done)}
        holders = self.store.leads.by_records(target.tenant_id, target.integration_id, written, session)
        holder_of = {link.record_id: lead for lead in holders if (link := lead.link(target.integration_id))}
        decided: list[tuple[Lane | None, Verdict]] = []
        for lane, result in zip(lanes, results, strict=True):
            holder = holder_of.get(result.outcome.record_id) if isinstance(result.outcome, Done) else None
            case = lane and SettleCase(lane, result, target, now, world.leads.get(lane.lead_id), holder)
            verdict = settle_write(case) if case else None
            if lane is None or verdict is None:
                decided.append((None, FENCED))
                continue
            world.take_in(verdict)
            decided.append((lane, verdict))
        return decided

    def _targets(self, lanes: list[Lane | None], session: Session) -> tuple[Target | None, tuple[Target, ...]]:
        """The target that the lanes belong to, and the tenant's others."""
        first = next((lane for lane in lanes if lane is not None), None)
        if first is None:
            return None, ()
        targets = self.store.targets.of_tenant(first.tenant_id, session)
        own = next((target for target in targets if target.integration_id == first.integration_id), None)
        return own, tuple(target for target in targets if target is not own)

    def _leads(self, target: Target, lead_ids: set[str], session: Session) -> dict[str, Lead]:
        return self.store.leads.by_ids(target.tenant_id, lead_ids - {""}, session)

    def _world(
        self, target: Target, seen: list[tuple[Lane | None, Observation]], now: datetime, session: Session
    ) -> World:
        ids, emails, merged = set[str](), set[str](), set[str]()
        for lane, observation in seen:
            if lane is None:
                continue
            ids |= {lane.lead_id, lane.notes.match_lead_id}
            if isinstance(observation.state, Present) and lane.record_id:
                ids.add(observation.state.marked_lead_id)
                if not lane.lead_id:
                    emails.add(_email_of(observation.state))
                merged |= set(observation.state.merged_record_ids)
        leads = self._leads(target, ids, session)
        for lead in self.store.leads.by_records(target.tenant_id, target.integration_id, merged, session):
            leads[lead.lead_id] = lead
        matches = self.store.leads.by_emails(target.tenant_id, emails - {""}, session)
        world = World.of([*matches, *leads.values()])
        world.erased_emails = self.store.tombstones.of_emails(target.tenant_id, emails, session)
        records = {lane.record_id for lane, _ in seen if lane} | merged
        world.erased_records = self.store.tombstones.of_records(target.integration_id, records, session)
        if any(isinstance(observation.state, Archived | Absent) for _, observation in seen):
            world.deletions_left = self.store.counters.deletions_left(target, now, session)
        return world

    def _case(
        self, lane: Lane, seen: Observation, target: Target, others: tuple[Target, ...], world: World, now: datetime
    ) -> Case:
        present = seen.state if isinstance(seen.state, Present) else None
        return Case(
            lane=lane,
            observation=seen,
            target=target,
            now=now,
            platform=self.platform,
            new_lead_id=str(uuid6.uuid7()),
            new_write_id=str(uuid6.uuid7()),
            lead=world.leads.get(lane.lead_id),
            marked=world.leads.get(present.marked_lead_id) if present else None,
            hopeful=world.leads.get(lane.notes.match_lead_id),
            by_email=world.with_email(_email_of(present)) if present else (),
            merged=world.linked_to(target.integration_id, present.merged_record_ids) if present else (),
            other_targets=others,
            tombstoned=present is not None and world.is_erased(present),
            deletions_left=world.deletions_left,
        )


def _email_of(present: Present) -> str:
    return email_key({name: reading.value for name, reading in present.readings.items()})
