"""Records that wait for a person to say whose they are."""

from collections.abc import Mapping
from dataclasses import dataclass

from lead_store.domain.errors import Invalid, NotAllowed, NotFound, StaleEtag
from lead_store.domain.lane import Lane, LaneTouch, lane_id
from lead_store.domain.lead import Lead
from lead_store.domain.match import CREATE_NEW, Match
from lead_store.domain.rules import Target
from lead_store.mongo.store import Store
from lead_store.mongo.transaction import Session
from lead_store.usecases.lease import WorkBell


@dataclass(frozen=True, slots=True)
class Matches:
    """The use cases of people who say who is who."""

    store: Store
    bell: WorkBell

    def page(self, tenant_id: str, integration_id: str, after: str, limit: int) -> list[tuple[str, Match]]:
        """Records that wait, each after the id that the page after it begins with."""
        lanes = self.store.lanes.waiting(tenant_id, integration_id, after, limit)
        leads = self.store.leads.by_ids(tenant_id, {one.lead_id for lane in lanes for one in lane.notes.candidates})
        return [(lane.lane_id, _match(lane, leads)) for lane in lanes]

    def pick(self, tenant_id: str, integration_id: str, record_id: str, choice: str, etag: str, actor: str) -> None:
        """Note whose the record is, a lead's or a new one's, and make its work due. The same choice twice is one."""

        def work(session: Session) -> None:
            target = self.store.targets.get(integration_id, tenant_id, session)
            if target is None:
                raise NotFound("integration_not_found", f"no integration {integration_id} in this tenant")
            lane = self._waiting(lane_id(integration_id, record_id=record_id), session)
            leads = self.store.leads.by_ids(tenant_id, {one.lead_id for one in lane.notes.candidates}, session)
            if _match(lane, leads).etag != etag or lane.notes.choice not in {"", choice}:
                raise StaleEtag("the candidates or the choice have changed since they were read: look again")
            if lane.notes.choice:
                return
            _check(choice, leads, target, record_id)
            touch = LaneTouch(tenant_id, integration_id, record_id=record_id, choice=choice, chooser=actor)
            self.store.lanes.touch([touch], session)

        self.store.transact(work, tries=10)
        self.bell.ring()

    def _waiting(self, name: str, session: Session) -> Lane:
        lane = self.store.lanes.by_ids([name], session).get(name)
        if lane is None or not lane.notes.candidates:
            raise NotFound("match_not_found", "the record does not wait for anybody (any more)")
        return lane


def _match(lane: Lane, leads: Mapping[str, Lead]) -> Match:
    """What waits in a lane. Candidates that are gone are left out."""
    live = {lead_id: lead for lead_id, lead in leads.items() if lead.deleted_at is None}
    candidates = tuple(one for one in lane.notes.candidates if one.lead_id in live)
    taken = frozenset(one.lead_id for one in candidates if live[one.lead_id].is_linked(lane.integration_id))
    return Match(lane.integration_id, lane.record_id, candidates, taken, lane.failed_at)


def _check(choice: str, leads: Mapping[str, Lead], target: Target, record_id: str) -> None:
    """Refuse what could not be done: no candidate, a lead that is being written, an import against the direction."""
    if choice == CREATE_NEW:
        if not target.direction.from_crm:
            raise NotAllowed("direction", "the integration imports no records: pick one of the candidates")
        return
    if choice not in leads or leads[choice].deleted_at is not None:
        raise Invalid("lead_id", "is none of the candidates")
    link = leads[choice].link(target.integration_id)
    if link is not None and link.record_id != record_id and (link.pending is not None or link.wrote is not None):
        raise NotAllowed("pair_busy", "a write to the lead's present record is not over yet: try again in a minute")
