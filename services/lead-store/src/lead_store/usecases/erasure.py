"""Deleting everything that is known of a person, but for keyed hashes (R17, L11)."""

from dataclasses import dataclass

from lead_store.domain.erasure import Person, had_before
from lead_store.domain.lead import Lead
from lead_store.domain.rules import Account
from lead_store.domain.work_item import WorkItem
from lead_store.mongo.store import Store
from lead_store.mongo.transaction import Contended, Session


@dataclass(frozen=True, slots=True)
class Erasure:
    """The use case, as a part of the transaction that commits the decision."""

    store: Store

    def erase(self, work_item: WorkItem, lead: Lead | None, session: Session) -> None:
        """Erase the person of a record; `lead` is the one that is linked to it, if any.

        What kept deliveries hold of it is noted, to be removed afterwards. Raises Contended if one of the leads has
        changed since it was read.
        """
        store, tenant_id = self.store, work_item.tenant_id
        target = store.targets.get(work_item.integration_id, session=session)
        person = Person()
        person.add_record(work_item.integration_id, work_item.record_id, target)
        self._find_leads(person, work_item, lead, session)
        for one in person.leads.values():
            if not store.leads.erase(one, session):
                raise Contended
            store.decisions.drop_lead(tenant_id, one.lead_id, session)
            store.work_lists.drop_lead(tenant_id, one.lead_id, work_item.work_item_id, session)
        store.tombstones.add_leads(tenant_id, person.leads, session)
        store.tombstones.add_emails(tenant_id, person.emails, session)
        store.erasures.add(tenant_id, work_item.integration_id, person.by_account, session)
        for integration_id, record_ids in person.by_integration.items():
            store.tombstones.add_records(tenant_id, integration_id, record_ids, session)

    def _find_leads(self, person: Person, work_item: WorkItem, lead: Lead | None, session: Session) -> None:
        """Find all leads of the person, each by way of a record or a lead that is known already."""
        tenant_id, record = work_item.tenant_id, {work_item.record_id}
        found = [lead] if lead is not None else []
        found += self.store.leads.duplicates_of(tenant_id, work_item.integration_id, record, session)
        for account in list(person.by_account):
            found += self._had_before(tenant_id, account, record, session)
        for one in found:  # the list grows
            if not person.add_lead(one):
                continue
            for link in one.links:
                own = {link.record_id, *link.former_record_ids} - {""}
                found += self._had_before(tenant_id, Account(link.provider, link.account_id), own, session)
                found += self.store.leads.duplicates_of(tenant_id, link.integration_id, own, session)
            found += self.store.leads.merged_into(tenant_id, one.lead_id, session)

    def _had_before(self, tenant_id: str, account: Account, record_ids: set[str], session: Session) -> list[Lead]:
        return had_before(self.store.leads.by_records(tenant_id, account, record_ids, session), account, record_ids)
