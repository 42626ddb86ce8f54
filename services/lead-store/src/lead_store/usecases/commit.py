"""Committing decisions: everything that they ask for, in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from lead_store.domain.decision import Decision
from lead_store.domain.history import counts_of, entries_of
from lead_store.domain.lead import Lead
from lead_store.domain.work_item import WorkItem
from lead_store.mongo.store import Store
from lead_store.mongo.transaction import Contended, Session
from lead_store.usecases.erasure import Erasure


@dataclass(frozen=True, slots=True)
class Commit:
    """The use case."""

    store: Store

    def decisions(self, decided: Sequence[tuple[WorkItem, Decision]], now: datetime, session: Session) -> None:
        """Write what decisions of one integration ask for. Raises Contended if a fence or a revision was lost."""
        if not decided:
            return
        store, decisions = self.store, [decision for _, decision in decided]
        self._write_leads(decisions, session)
        for work_item, decision in decided:
            if decision.erases:
                Erasure(store).erase(work_item, decision.before, session)
        if not store.work_items.finish(list(decided), now, session):
            raise Contended
        store.work_items.change_others(decisions, session)
        store.work_items.touch((touch for decision in decisions for touch in decision.touches), session)
        tenant_id, integration_id = decided[0][0].tenant_id, decided[0][0].integration_id
        store.identities.own(tenant_id, (key for decision in decisions for key in decision.identities), session)
        store.decisions.insert(entries_of(decided, now), session)
        store.counters.add(integration_id, counts_of(decided), now, session, by=decided[0][0].work_item_id)

    def _write_leads(self, decisions: list[Decision], session: Session) -> None:
        new = (one.lead for one in decisions if one.lead is not None and one.before is None)
        self.store.leads.insert(new, session)
        states: list[Lead] = []
        for decision in decisions:  # in this order, since one may go on from what another one made
            states += [decision.lead] if decision.lead is not None and decision.before is not None else []
            states += [after for _, after in decision.duplicates]
        if not self.store.leads.replace(states, session):
            raise Contended
