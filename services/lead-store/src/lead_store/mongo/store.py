"""All collections of lead-store on one page, and the commit of decisions."""

import uuid
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from pymongo import MongoClient
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import BulkWriteError

from lead_store.domain.decision import UNDECIDED, Decision, LeaseEnd, Outcome
from lead_store.domain.lead import Lead
from lead_store.domain.work_item import WorkItem, WorkItemTouch, erasure_of
from lead_store.mongo.applying import Applying
from lead_store.mongo.client import Document, open_database, server_now
from lead_store.mongo.counters import Counters
from lead_store.mongo.decisions import Decisions, Entry
from lead_store.mongo.deliveries import Deliveries
from lead_store.mongo.identities import Identities
from lead_store.mongo.leads import Leads
from lead_store.mongo.processes import Processes
from lead_store.mongo.targets import Targets
from lead_store.mongo.tombstones import Tombstones
from lead_store.mongo.transaction import Contended, transact
from lead_store.mongo.work_items import WorkItems

Result = TypeVar("Result")
UNTOLD = UNDECIDED | {Outcome.UNCHANGED, Outcome.SKIPPED, Outcome.FAILED, Outcome.ERASED}  # told by the work item alone
# What a sweep may find.
CHANGES = {Outcome.CREATED, Outcome.LINKED, Outcome.UPDATED, Outcome.PUSHED, Outcome.UNLINKED, Outcome.ERASED}


@dataclass(frozen=True, slots=True)
class Store:
    """The collections."""

    client: MongoClient[Document]
    database: Database[Document]
    targets: Targets
    applying: Applying
    leads: Leads
    work_items: WorkItems
    deliveries: Deliveries
    decisions: Decisions
    identities: Identities
    counters: Counters
    tombstones: Tombstones
    processes: Processes

    @classmethod
    def of(
        cls,
        client: MongoClient[Document],
        name: str,
        identity_key: bytes,
        retention: timedelta = timedelta(days=30),
        process: str = "",
    ) -> "Store":
        """The store in a database of this name, which keeps deliveries for so long; `process` names who uses it."""
        database = open_database(client, name)
        identities = Identities.of(database, identity_key)
        return cls(
            client,
            database,
            Targets.of(database),
            Applying.of(database),
            Leads.of(database),
            WorkItems.of(database),
            Deliveries.of(database, retention),
            Decisions.of(database),
            identities,
            Counters.of(database),
            Tombstones.of(database, identities),
            Processes.of(database, process or uuid.uuid4().hex),
        )

    def now(self) -> datetime:
        """The database's clock."""
        return server_now(self.database)

    def transact(self, work: Callable[[ClientSession], Result], tries: int = 5) -> Result:
        """Run `work` in a transaction; Contended if it lost against others every time."""
        return transact(self.client, work, tries, self.processes.note)

    def touch_together(self, touches: list[WorkItemTouch]) -> None:
        """Make work items due in one transaction; one by one if others get in between.

        Outside of one the embedded server waits for the disk after each work item, and recording deliveries waits as
        well.
        """
        if len(touches) > 1:
            with suppress(Contended, BulkWriteError):
                self.transact(lambda session: self.work_items.touch(touches, session), tries=2)
                return
        self.work_items.touch(touches)

    def commit(self, decided: list[tuple[WorkItem, Decision]], now: datetime, session: ClientSession) -> None:
        """Write everything that decisions of one integration ask for. Contended if a fence or a revision was lost."""
        decisions = [decision for _, decision in decided]
        self._write_leads(decisions, session)
        for work_item, decision in decided:
            if decision.erases:
                self._erase(work_item, decision, session)
        if not self.work_items.finish(decided, session):
            raise Contended
        self.work_items.disturb(decisions, session)
        self.work_items.touch((touch for decision in decisions for touch in decision.touches), session)
        if not decided:
            return
        tenant_id, integration_id = decided[0][0].tenant_id, decided[0][0].integration_id
        self.identities.own(tenant_id, (key for decision in decisions for key in decision.identities), session)
        self.decisions.insert(_entries(decided, now), session)
        self.counters.add(integration_id, _counts(decided), now, session)

    def _erase(self, work_item: WorkItem, decision: Decision, session: ClientSession) -> None:
        """Forget a person: leads, decisions and work items go, keyed hashes stay (R17)."""
        records = {work_item.integration_id: {work_item.record_id}}
        target = self.targets.get(work_item.integration_id, session=session)
        accounts = {(target.provider, target.account_id): {work_item.record_id}} if target is not None else {}
        gone = [decision.before] if decision.before is not None else []
        gone += self.leads.duplicates_of(work_item.tenant_id, work_item.integration_id, {work_item.record_id}, session)
        for account in accounts:
            gone += self.leads.let_go_of(work_item.tenant_id, account, {work_item.record_id}, session)
        known: set[str] = set()
        for lead in gone:  # it grows by those that were merged into one of them, or had its record before: one person
            if lead.lead_id in known:
                continue
            known.add(lead.lead_id)
            if not self.leads.erase(lead, session):
                raise Contended
            for link in lead.links:
                own = {link.record_id, *link.former_record_ids} - {""}
                records.setdefault(link.integration_id, set()).update(own)
                account = link.provider, link.account_id
                accounts.setdefault(account, set()).update(own)
                gone += self.leads.let_go_of(lead.tenant_id, account, own, session)
                gone += self.leads.duplicates_of(lead.tenant_id, link.integration_id, own, session)
            self.decisions.forget_lead(lead.tenant_id, lead.lead_id, session)
            self.work_items.forget_lead(lead.tenant_id, lead.lead_id, work_item.work_item_id, session)
            self.tombstones.bury_emails(work_item.tenant_id, lead.all_emails, session)
            gone += self.leads.merged_into(lead.tenant_id, lead.lead_id, session)
        for account, record_ids in accounts.items():  # whether anybody is connected to it or not
            self.deliveries.strip(account, record_ids, session)
        for integration_id, record_ids in records.items():
            self.tombstones.bury(work_item.tenant_id, integration_id, record_ids, session)
        if target is not None:  # those merged into it that nobody had read since: each is erased by its own work item
            account = target.provider, target.account_id
            merged = self.deliveries.merged_into(account, records[work_item.integration_id], session)
            decision.touches += (erasure_of(target, record_id) for record_id in merged)

    def _write_leads(self, decisions: list[Decision], session: ClientSession) -> None:
        self.leads.insert((v.lead for v in decisions if v.lead is not None and v.before is None), session)
        states: list[Lead] = []
        for decision in decisions:  # in this order, since one may go on from what another one made
            states += [decision.lead] if decision.lead is not None and decision.before is not None else []
            states += [after for _, after in decision.duplicates]
        if not self.leads.replace(states, session):
            raise Contended


def _counts(ended: list[tuple[WorkItem, Decision]]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for work_item, decision in ended:
        counts.update(decision.counts)
        untold = work_item.swept and work_item.version == work_item.claimed_version and not decision.repeated
        counts["found_by_sweep"] += untold and decision.outcome in CHANGES
        decided = decision.outcome not in UNDECIDED and decision.end is not LeaseEnd.KEPT
        counts["decided"] += decided and not decision.repeated
    return counts


def _entries(decided: list[tuple[WorkItem, Decision]], now: datetime) -> list[Entry]:
    return [
        Entry(
            work_item.tenant_id,
            decision.lead_id,
            decision.outcome.value,
            now,
            actor=work_item.notes.chooser or work_item.integration_id,
            integration_id=work_item.integration_id,
            record_id=decision.record_id,
            reason=decision.reason,
            event_source=work_item.notes.event_source,
            fields=decision.fields,
        )
        for work_item, decision in decided
        if decision.outcome not in UNTOLD and not decision.repeated
    ]
