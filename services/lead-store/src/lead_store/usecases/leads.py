"""Leads as the platform writes them. Each change makes the lead's work items due in the transaction that keeps it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import uuid6

from lead_store.domain.decision import FieldChange
from lead_store.domain.errors import NotFound, StaleEtag
from lead_store.domain.given_values import check_named, taken_values
from lead_store.domain.history import PLATFORM, Entry
from lead_store.domain.lead import Lead, empty_lead
from lead_store.domain.references import new_identities
from lead_store.domain.work_item import touches_of
from lead_store.mongo.requests import RepeatedRequest
from lead_store.mongo.store import Store
from lead_store.mongo.transaction import Contended, Session
from lead_store.usecases.work_signal import WorkSignal


@dataclass(frozen=True, slots=True)
class Leads:
    """The use cases of LeadService."""

    store: Store
    signal: WorkSignal
    platform: str

    def create(self, tenant_id: str, request_id: str, values: Mapping[str, str], actor: str) -> Lead:
        """Create a lead. A repeated request id answers the lead that the first call made, as long as it is stored."""
        values = taken_values(values, {}, self.store.lead_fields.get(tenant_id))
        check_named(values)
        now = self.store.now()
        lead = empty_lead(str(uuid6.uuid7()), tenant_id, self.platform, now, request_id)
        lead = lead.with_values(values, now, PLATFORM)

        def work(session: Session, touched: set[str]) -> Lead:
            known = self.store.leads.by_new_request(tenant_id, request_id, session) if request_id else None
            if known is not None:
                return known
            self.store.leads.insert([lead], session)
            touched |= self._keep(None, lead, "created", actor, now, session)
            return replace(lead, revision=1)

        try:
            return self._run(work)
        except RepeatedRequest:  # the same request at the same time was first
            return self.store.leads.by_request(tenant_id, request_id) or self._run(work)

    def get(self, tenant_id: str, lead_id: str) -> Lead:
        """The lead, unless it was deleted."""
        lead = self.store.leads.get(tenant_id, lead_id)
        if lead is None or lead.deleted_at is not None:
            raise _not_found(lead_id)
        return lead

    def page(
        self, tenant_id: str, after: str, limit: int, email: str, integration_id: str = "", record_id: str = ""
    ) -> Iterator[Lead]:
        """Leads after this id, as far as the filters that are given match; read as they are asked for.

        NotFound for an unknown integration.
        """
        if not integration_id:
            return self.store.leads.page(tenant_id, after, limit, email)
        target = self.store.targets.get(integration_id, tenant_id)
        if target is None:
            raise NotFound("integration_not_found", f"no integration {integration_id} in this tenant")
        record = (target.account, record_id) if record_id else None
        return self.store.leads.page(tenant_id, after, limit, email, integration_id, record)

    def update(self, tenant_id: str, lead_id: str, values: Mapping[str, str], etag: str, actor: str) -> Lead:
        """Set fields. Values that are there already change nothing, not even the etag, and are never refused."""
        fields, now = self.store.lead_fields.get(tenant_id), self.store.now()

        def change(lead: Lead) -> Lead:
            after = lead.with_values(taken_values(values, lead.values, fields), now, PLATFORM)
            check_named(after.values, lead.values)
            return after

        return self._change(tenant_id, lead_id, etag, actor, "updated", now, change)

    def _change(
        self,
        tenant_id: str,
        lead_id: str,
        etag: str,
        actor: str,
        outcome: str,
        now: datetime,
        change: Callable[[Lead], Lead],
    ) -> Lead:
        def work(session: Session, touched: set[str]) -> Lead:
            lead = self.store.leads.get(tenant_id, lead_id, session)
            if lead is None or lead.deleted_at is not None:
                raise _not_found(lead_id)
            if etag and etag != str(lead.revision):
                raise StaleEtag
            after = change(lead)
            if after is lead:
                return lead
            if not self.store.leads.replace([after], session):
                raise Contended
            touched |= self._keep(lead, after, outcome, actor, now, session)
            return replace(after, revision=lead.revision + 1)

        return self._run(work)

    def _keep(
        self, before: Lead | None, after: Lead, outcome: str, actor: str, now: datetime, session: Session
    ) -> set[str]:
        """Make work items due, own the keys that are new (R16), and note the decision; answers whose work is due."""
        targets = self.store.targets.of_tenant(after.tenant_id, session)
        self.store.work_items.touch(touches := touches_of(after, targets), session)
        old = before.values if before else {}
        self.store.identities.own(after.tenant_id, new_identities(old, after.values, targets), session)
        names = [name for name in {*old, *after.values} if old.get(name, "") != after.values.get(name, "")]
        fields = {
            name: FieldChange(PLATFORM, old.get(name, ""), after.values.get(name, ""), "edited on the platform")
            for name in names
        }
        entry = Entry(after.tenant_id, after.lead_id, outcome, now, actor or PLATFORM, fields=fields)
        self.store.decisions.insert([entry], session)
        return {touch.integration_id for touch in touches}

    def _run(self, work: Callable[[Session, set[str]], Lead]) -> Lead:
        touched = set[str]()
        lead = self.store.transact(lambda session: work(session, touched))
        self.signal.notify(touched)
        return lead


def _not_found(lead_id: str) -> NotFound:
    return NotFound("lead_not_found", f"no lead {lead_id} in this tenant")
