"""What work would conclude, without doing it: nothing is kept, and no lease is needed.

A plan is made by the same decisions as the work itself, on the same state, each as if those before it in the call had
been carried out. What the CRM itself would refuse, and what one call's conclusions mean for another's, it cannot know.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from lead_store.domain.errors import Invalid, NotFound
from lead_store.domain.lane import Lane, Notes, lane_id, lane_named, push_of
from lead_store.domain.observation import Observation, Present
from lead_store.domain.reconcile import reconcile
from lead_store.domain.rules import Target
from lead_store.domain.verdict import Outcome, Verdict, failed
from lead_store.mongo.store import Store
from lead_store.usecases.lease import Lease
from lead_store.usecases.world import read_world


@dataclass(frozen=True, slots=True)
class Planning:
    """The use cases of a dry run."""

    store: Store
    platform: str

    def leads(self, tenant_id: str, integration_id: str, lead_ids: list[str]) -> list[Lease]:
        """What a push of these leads would lease, in their order; unknown and deleted ones are left out."""
        target = self._target(integration_id, tenant_id)
        found = self.store.leads.by_ids(tenant_id, lead_ids)
        leads = [lead for key in dict.fromkeys(lead_ids) if (lead := found.get(key)) and lead.deleted_at is None]
        touches = [(lead, push_of(lead, target)) for lead in leads]
        known = self.store.lanes.by_ids([touch.lane_id for _, touch in touches])
        leases = []
        for lead, touch in touches:
            lane = known.get(touch.lane_id) or lane_named(tenant_id, integration_id, touch.lane_id)
            lane = replace(lane, fence=0, lead_id=lead.lead_id)
            leases.append(Lease(lane, "" if touch.record_id else lead.email_key))
        return leases

    def records(
        self, integration_id: str, seen: list[Observation], proposed: Target | None = None, *, push: bool = False
    ) -> list[Verdict]:
        """What would be concluded on these observations, in their order; `push` as on leases of `leads`.

        With `proposed` the integration's direction, rules, mapping and matching count as they are there.
        """
        own = self._target(integration_id)
        target = own if proposed is None else _as_proposed(own, proposed)
        others = tuple(o for o in self.store.targets.of_tenant(own.tenant_id) if o.integration_id != integration_id)
        now = self.store.now()
        asked = [lane_named(own.tenant_id, integration_id, one.lane_id) for one in seen]
        lanes = self._lanes(asked, seen, now, push=push)
        world = read_world(self.store, target, others, list(zip(lanes, seen, strict=True)), now, None)
        verdicts = []
        for lane, first, observation in zip(lanes, asked, seen, strict=True):
            if proposed is None and not push and _is_read(lane, observation):
                verdicts.append(Verdict(Outcome.UNCHANGED, record_id=lane.record_id))
                continue
            case = world.case(lane, observation, self.platform)
            verdict = reconcile(case)
            world.take_in(verdict)
            reason = verdict.failed_lanes.get(first.lane_id)  # the record that the lead found is another one's
            if reason and verdict.outcome is Outcome.UNCHANGED:
                verdict = failed(case, reason)
            verdicts.append(verdict)
        return verdicts

    def _target(self, integration_id: str, tenant_id: str = "") -> Target:
        target = self.store.targets.get(integration_id, tenant_id)
        if target is None:
            raise NotFound("integration_not_found", f"no integration {integration_id}")
        return target

    def _lanes(self, asked: list[Lane], seen: list[Observation], now: datetime, *, push: bool) -> list[Lane]:
        """The lanes as a worker would hold them.

        A lead that has found a record is decided on in the record's lane; of several that found the same one, the last.
        """
        found = {
            one.state.record_id: place
            for place, (lane, one) in enumerate(zip(asked, seen, strict=True))
            if not lane.record_id and isinstance(one.state, Present)
        }
        handed_over = {place: record_id for record_id, place in found.items()}
        places = [
            Lane(
                lane_id(lane.integration_id, record_id=record_id),
                lane.tenant_id,
                lane.integration_id,
                record_id,
                notes=Notes(match_lead_id=lane.lead_id),
            )
            if (record_id := handed_over.get(place))
            else replace(lane, notes=Notes(push=push))
            for place, lane in enumerate(asked)
        ]
        known = self.store.lanes.by_ids({lane.lane_id for lane in places})
        return [_held(lane, known.get(lane.lane_id), now) for lane in places]


def _held(wanted: Lane, known: Lane | None, now: datetime) -> Lane:
    """The lane under a lease that nobody has, with what made it due."""
    lane = known or wanted
    notes = replace(
        lane.notes,
        push=lane.notes.push or wanted.notes.push,
        match_lead_id=wanted.notes.match_lead_id or lane.notes.match_lead_id,
        match_email="" if wanted.notes.match_lead_id else lane.notes.match_email,
    )
    return replace(
        lane, fence=lane.fence + 1, claimed_version=lane.version, claimed_at=now, lease_until=now, notes=notes
    )


def _is_read(lane: Lane, seen: Observation) -> bool:
    """Whether an import would leave the record alone, since it was read after its last change (R9)."""
    read_at, state = lane.notes.read_at, seen.state
    if lane.due_at is not None or read_at is None or not isinstance(state, Present):
        return False
    return state.modified_at <= read_at and not state.with_history


def _as_proposed(own: Target, proposed: Target) -> Target:
    """The integration's target with what may be tried out taken from another one."""
    if (proposed.integration_id, proposed.tenant_id) != (own.integration_id, own.tenant_id):
        raise Invalid("target", "is another integration's")
    return replace(
        own,
        direction=proposed.direction,
        rules=proposed.rules,
        mapping=proposed.mapping,
        match_keys=proposed.match_keys,
        phone_region=proposed.phone_region,
    )
