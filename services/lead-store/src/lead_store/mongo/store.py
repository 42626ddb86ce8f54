"""All collections of lead-store on one page, and the commit of verdicts."""

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

from lead_store.domain.lane import Lane, LaneTouch, erasure_of
from lead_store.domain.lead import Lead
from lead_store.domain.verdict import UNDECIDED, LaneEnd, Outcome, Verdict
from lead_store.mongo.applying import Applying
from lead_store.mongo.client import Document, open_database, server_now
from lead_store.mongo.counters import Counters
from lead_store.mongo.decisions import Decisions, Entry
from lead_store.mongo.deliveries import Deliveries
from lead_store.mongo.identities import Identities
from lead_store.mongo.lanes import Lanes
from lead_store.mongo.leads import Leads
from lead_store.mongo.processes import Processes
from lead_store.mongo.targets import Targets
from lead_store.mongo.tombstones import Tombstones
from lead_store.mongo.transaction import Contended, transact

Result = TypeVar("Result")
UNTOLD = UNDECIDED | {Outcome.UNCHANGED, Outcome.SKIPPED, Outcome.FAILED, Outcome.ERASED}  # told by the lane alone
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
    lanes: Lanes
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
            Lanes.of(database),
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

    def touch_together(self, touches: list[LaneTouch]) -> None:
        """Make lanes due in one transaction; one by one if others get in between.

        Outside of one the embedded server waits for the disk after each lane, and recording deliveries waits as well.
        """
        if len(touches) > 1:
            with suppress(Contended, BulkWriteError):
                self.transact(lambda session: self.lanes.touch(touches, session), tries=2)
                return
        self.lanes.touch(touches)

    def commit(self, decided: list[tuple[Lane, Verdict]], now: datetime, session: ClientSession) -> None:
        """Write everything that verdicts of one integration ask for. Contended if a fence or a revision was lost."""
        verdicts = [verdict for _, verdict in decided]
        self._write_leads(verdicts, session)
        for lane, verdict in decided:
            if verdict.erases:
                self._erase(lane, verdict, session)
        if not self.lanes.finish(decided, session):
            raise Contended
        self.lanes.disturb(verdicts, session)
        self.lanes.touch((touch for verdict in verdicts for touch in verdict.touches), session)
        if not decided:
            return
        tenant_id, integration_id = decided[0][0].tenant_id, decided[0][0].integration_id
        self.identities.own(tenant_id, (key for verdict in verdicts for key in verdict.identities), session)
        self.decisions.insert(_entries(decided, now), session)
        self.counters.add(integration_id, _counts(decided), now, session)

    def _erase(self, lane: Lane, verdict: Verdict, session: ClientSession) -> None:
        """Forget a person: leads, decisions and lanes go, keyed hashes stay (R17)."""
        records = {lane.integration_id: {lane.record_id}}
        target = self.targets.get(lane.integration_id, session=session)
        accounts = {(target.provider, target.account_id): {lane.record_id}} if target is not None else {}
        gone = [verdict.before] if verdict.before is not None else []
        gone += self.leads.duplicates_of(lane.tenant_id, lane.integration_id, {lane.record_id}, session)
        for account in accounts:
            gone += self.leads.let_go_of(lane.tenant_id, account, {lane.record_id}, session)
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
            self.lanes.forget_lead(lead.tenant_id, lead.lead_id, lane.lane_id, session)
            self.tombstones.bury_emails(lane.tenant_id, lead.all_emails, session)
            gone += self.leads.merged_into(lead.tenant_id, lead.lead_id, session)
        for account, record_ids in accounts.items():  # whether anybody is connected to it or not
            self.deliveries.strip(account, record_ids, session)
        for integration_id, record_ids in records.items():
            self.tombstones.bury(lane.tenant_id, integration_id, record_ids, session)
        if target is not None:  # those merged into it that nobody had read since: each is erased by its own lane
            account = target.provider, target.account_id
            merged = self.deliveries.merged_into(account, records[lane.integration_id], session)
            verdict.touches += (erasure_of(target, record_id) for record_id in merged)

    def _write_leads(self, verdicts: list[Verdict], session: ClientSession) -> None:
        self.leads.insert((v.lead for v in verdicts if v.lead is not None and v.before is None), session)
        states: list[Lead] = []
        for verdict in verdicts:  # in this order, since one may go on from what another one made
            states += [verdict.lead] if verdict.lead is not None and verdict.before is not None else []
            states += [after for _, after in verdict.duplicates]
        if not self.leads.replace(states, session):
            raise Contended


def _counts(ended: list[tuple[Lane, Verdict]]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for lane, verdict in ended:
        counts.update(verdict.counts)
        untold = lane.swept and lane.version == lane.claimed_version and not verdict.repeated
        counts["found_by_sweep"] += untold and verdict.outcome in CHANGES
        decided = verdict.outcome not in UNDECIDED and verdict.end is not LaneEnd.KEPT
        counts["decided"] += decided and not verdict.repeated
    return counts


def _entries(decided: list[tuple[Lane, Verdict]], now: datetime) -> list[Entry]:
    return [
        Entry(
            lane.tenant_id,
            verdict.lead_id,
            verdict.outcome.value,
            now,
            actor=lane.notes.chooser or lane.integration_id,
            integration_id=lane.integration_id,
            record_id=verdict.record_id,
            reason=verdict.reason,
            event_source=lane.notes.event_source,
            fields=verdict.fields,
        )
        for lane, verdict in decided
        if verdict.outcome not in UNTOLD and not verdict.repeated
    ]
