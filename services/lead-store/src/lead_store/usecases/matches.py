"""Records that wait for a person to say which lead they belong to."""

from collections.abc import Mapping
from dataclasses import dataclass

from lead_store.domain.errors import Invalid, NotAllowed, NotFound, StaleEtag
from lead_store.domain.lead import Lead
from lead_store.domain.match import CREATE_NEW, Match
from lead_store.domain.rules import Target
from lead_store.domain.work_item import WorkItem, WorkItemTouch, work_item_id
from lead_store.mongo.store import Store
from lead_store.mongo.transaction import Session
from lead_store.usecases.work_signal import WorkSignal


@dataclass(frozen=True, slots=True)
class Matches:
    """The use cases of people who say which record belongs to which lead."""

    store: Store
    signal: WorkSignal

    def page(self, tenant_id: str, integration_id: str, after: str, limit: int) -> list[tuple[str, Match]]:
        """Records that wait, each after the id that the page after it begins with."""
        work_items = self.store.work_lists.waiting_for_choice(tenant_id, integration_id, after, limit)
        leads = self.store.leads.by_ids(
            tenant_id, {one.lead_id for work_item in work_items for one in work_item.notes.candidates}
        )
        return [(work_item.work_item_id, _match(work_item, leads)) for work_item in work_items]

    def pick(self, tenant_id: str, integration_id: str, record_id: str, choice: str, etag: str, actor: str) -> None:
        """Note which lead the record belongs to, or a new one, and make its work due. The same choice twice is one."""

        def work(session: Session) -> None:
            target = self.store.targets.get(integration_id, tenant_id, session)
            if target is None:
                raise NotFound("integration_not_found", f"no integration {integration_id} in this tenant")
            work_item = self._waiting(work_item_id(integration_id, record_id=record_id), session)
            leads = self.store.leads.by_ids(tenant_id, {one.lead_id for one in work_item.notes.candidates}, session)
            if _match(work_item, leads).etag != etag or work_item.notes.choice not in {"", choice}:
                raise StaleEtag("the candidates or the choice have changed since they were read: look again")
            if work_item.notes.choice:
                return
            _check(choice, leads, target, record_id)
            touch = WorkItemTouch(tenant_id, integration_id, record_id=record_id, choice=choice, chooser=actor)
            self.store.work_items.touch([touch], session)

        self.store.transact(work)
        self.signal.notify([integration_id])

    def _waiting(self, name: str, session: Session) -> WorkItem:
        work_item = self.store.work_items.by_ids([name], session).get(name)
        if work_item is None or not work_item.notes.candidates:
            raise NotFound("match_not_found", "the record does not wait for a person (any more)")
        return work_item


def _match(work_item: WorkItem, leads: Mapping[str, Lead]) -> Match:
    """The open question of a work item. Candidates that are gone are left out."""
    live = {lead_id: lead for lead_id, lead in leads.items() if lead.deleted_at is None}
    candidates = tuple(one for one in work_item.notes.candidates if one.lead_id in live)
    taken = frozenset(one.lead_id for one in candidates if live[one.lead_id].is_linked(work_item.integration_id))
    return Match(work_item.integration_id, work_item.record_id, candidates, taken, work_item.failed_at)


def _check(choice: str, leads: Mapping[str, Lead], target: Target, record_id: str) -> None:
    """Refuse a lead that is no candidate, one that is being written, and an import against the direction."""
    if choice == CREATE_NEW:
        if not target.direction.from_crm:
            raise NotAllowed("direction", "the integration imports no records: pick one of the candidates")
        return
    if choice not in leads or leads[choice].deleted_at is not None:
        raise Invalid("lead_id", "is none of the candidates")
    link = leads[choice].link(target.integration_id)
    if link is not None and link.record_id != record_id and (link.pending is not None or link.last_write is not None):
        raise NotAllowed("pair_busy", "a write to the lead's present record is not over yet: try again in a minute")
