"""Ending leads: deleted, converted or merged, with everything that this means for their links, in one transaction."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from lead_store.domain.ending import end, fewer_links, merge, touches_of_merge
from lead_store.domain.errors import Invalid, NotAllowed, NotFound, StaleEtag
from lead_store.domain.history import PLATFORM, Entry
from lead_store.domain.lead import EndReason, Lead
from lead_store.domain.rules import Target
from lead_store.domain.work_item import WorkItemTouch, touches_of
from lead_store.mongo.store import Store
from lead_store.mongo.transaction import Contended, Session
from lead_store.usecases.work_signal import WorkSignal


@dataclass(frozen=True, slots=True)
class EndLead:
    """The use case."""

    store: Store
    signal: WorkSignal

    def end(self, tenant_id: str, lead_id: str, reason: EndReason, into: str, etag: str, actor: str) -> None:
        """End a lead softly; `into` = the lead that it is merged into. Ending one that has ended changes nothing."""
        if bool(into) is not (reason is EndReason.MERGED) or into == lead_id:
            raise Invalid("merged_into_lead_id", "names another lead, with the reason merged and with no other one")
        now, touched = self.store.now(), set[str]()

        def work(session: Session) -> None:
            lead = self.store.leads.get(tenant_id, lead_id, session)
            if lead is None:
                raise NotFound("lead_not_found", f"no lead {lead_id} in this tenant")
            if lead.deleted_at is not None:
                return
            if etag and etag != str(lead.revision):
                raise StaleEtag
            targets = self.store.targets.of_tenant(tenant_id, session)
            if reason is EndReason.MERGED:
                touches = self._merge(lead, into, targets, actor, now, session)
            else:
                after, touches = end(lead, reason, targets, now), touches_of(lead, targets)
                touches += self._of_duplicates(lead, targets, session)
                self._keep([(lead, after)], touches, [_ended(after, actor, now)], now, session)
            touched.update(touch.integration_id for touch in touches)

        self.store.transact(work)
        self.signal.notify(touched)

    def _merge(
        self, lead: Lead, into: str, targets: list[Target], actor: str, now: datetime, session: Session
    ) -> list[WorkItemTouch]:
        survivor = self.store.leads.get(lead.tenant_id, into, session)
        if survivor is None:
            raise NotFound("lead_not_found", f"no lead {into} in this tenant to merge into")
        if survivor.deleted_at is not None:
            raise NotAllowed("survivor_deleted", f"lead {into} has been deleted: merge into one that lives")
        gone, after = merge(lead, survivor, now, self.store.lead_fields.get(lead.tenant_id, session))
        taken_over = [link for link in after.links if link != survivor.link(link.integration_id)]
        linked = [
            Entry(
                after.tenant_id,
                after.lead_id,
                "linked",
                now,
                actor or PLATFORM,
                link.integration_id,
                link.record_id,
                "lead_merged",
            )
            for link in taken_over
        ]
        touches = touches_of_merge(gone, survivor, after, targets)
        # The survivor is always written, so that it cannot end in another transaction at the same time (L8).
        self._keep([(lead, gone), (survivor, after)], touches, [_ended(gone, actor, now), *linked], now, session)
        return touches

    def _of_duplicates(self, lead: Lead, targets: list[Target], session: Session) -> list[WorkItemTouch]:
        """Touches of records that were merged into this lead's: one of their leads may take the record over (L4)."""
        tenant_id, touches = lead.tenant_id, []
        known = {target.integration_id for target in targets}
        for own in (link for link in lead.links if link.attached and link.integration_id in known):
            for other in self.store.leads.duplicates_of(tenant_id, own.integration_id, [own.record_id], session):
                link = other.link(own.integration_id)
                if other.deleted_at is None and link is not None:
                    touches.append(WorkItemTouch(tenant_id, own.integration_id, link.record_id))
        return touches

    def _keep(
        self,
        changed: list[tuple[Lead, Lead]],
        touches: Iterable[WorkItemTouch],
        entries: list[Entry],
        now: datetime,
        session: Session,
    ) -> None:
        for _, after in changed:
            if not self.store.leads.replace([after], session):
                raise Contended
        self.store.work_items.touch(touches, session)
        self.store.decisions.insert(entries, session)
        fewer = fewer_links([before for before, _ in changed], [after for _, after in changed])
        for integration_id, count in fewer.items():
            self.store.counters.add(integration_id, {"linked": -count}, now, session, by=changed[0][0].lead_id)


def _ended(lead: Lead, actor: str, now: datetime) -> Entry:
    why = lead.end_reason.value if lead.end_reason and lead.end_reason is not EndReason.DELETED else ""
    return Entry(lead.tenant_id, lead.lead_id, "deleted", now, actor or PLATFORM, reason=why)
