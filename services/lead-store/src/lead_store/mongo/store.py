"""All collections of lead-store on one page, and the commit of verdicts."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from pymongo import MongoClient
from pymongo.client_session import ClientSession
from pymongo.database import Database

from lead_store.domain.lane import Lane
from lead_store.domain.verdict import UNDECIDED, LaneEnd, Outcome, Verdict
from lead_store.mongo.client import Document, open_database, server_now
from lead_store.mongo.counters import Counters
from lead_store.mongo.decisions import Decisions, Entry
from lead_store.mongo.deliveries import Deliveries
from lead_store.mongo.identities import Identities
from lead_store.mongo.lanes import Lanes
from lead_store.mongo.leads import Leads
from lead_store.mongo.targets import Targets
from lead_store.mongo.tombstones import Tombstones
from lead_store.mongo.transaction import Contended, transact

Result = TypeVar("Result")
UNTOLD = UNDECIDED | {Outcome.UNCHANGED, Outcome.SKIPPED, Outcome.FAILED, Outcome.ERASED}  # told by the lane alone


@dataclass(frozen=True, slots=True)
class Store:
    """The collections."""

    client: MongoClient[Document]
    database: Database[Document]
    targets: Targets
    leads: Leads
    lanes: Lanes
    deliveries: Deliveries
    decisions: Decisions
    identities: Identities
    counters: Counters
    tombstones: Tombstones

    @classmethod
    def of(cls, client: MongoClient[Document], name: str, identity_key: bytes) -> "Store":
        """The store in a database of this name."""
        database = open_database(client, name)
        identities = Identities.of(database, identity_key)
        return cls(
            client,
            database,
            Targets.of(database),
            Leads.of(database),
            Lanes.of(database),
            Deliveries.of(database),
            Decisions.of(database),
            identities,
            Counters.of(database),
            Tombstones.of(database, identities),
        )

    def now(self) -> datetime:
        """The database's clock."""
        return server_now(self.database)

    def transact(self, work: Callable[[ClientSession], Result], tries: int = 5) -> Result:
        """Run `work` in a transaction; Contended if it lost against others every time."""
        return transact(self.client, work, tries)

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
        self.identities.own(tenant_id, (key for verdict in verdicts for key in verdict.email_keys), session)
        self.decisions.insert(_entries(decided, now), session)
        self.counters.add(integration_id, _counts(verdicts), now, session)

    def _erase(self, lane: Lane, verdict: Verdict, session: ClientSession) -> None:
        """Forget a person: lead, decisions and lanes go, keyed hashes stay (R17)."""
        lead = verdict.before
        records = {lane.integration_id: {lane.record_id}}
        if lead is not None:
            if not self.leads.erase(lead, session):
                raise Contended
            for link in lead.links:
                records.setdefault(link.integration_id, set()).update({link.record_id, *link.former_record_ids} - {""})
            self.decisions.forget_lead(lead.tenant_id, lead.lead_id, session)
            self.lanes.forget_lead(lead.tenant_id, lead.lead_id, lane.lane_id, session)
        for integration_id, record_ids in records.items():
            target = self.targets.get(integration_id, session=session)
            if target is not None:
                self.deliveries.strip(target, record_ids, session)
            self.tombstones.bury(lane.tenant_id, integration_id, record_ids, session)
        self.tombstones.bury_email(lane.tenant_id, lead.email_key if lead is not None else "", session)

    def _write_leads(self, verdicts: list[Verdict], session: ClientSession) -> None:
        self.leads.insert((v.lead for v in verdicts if v.lead is not None and v.before is None), session)
        for verdict in verdicts:
            changed = verdict.lead if verdict.before is not None else None
            states = [changed] if changed is not None else []
            for state in [*states, *(after for _, after in verdict.duplicates)]:
                if not self.leads.replace(state, session):
                    raise Contended


def _counts(verdicts: list[Verdict]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for verdict in verdicts:
        counts.update(verdict.counts)
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
            actor=lane.integration_id,
            integration_id=lane.integration_id,
            record_id=verdict.record_id,
            reason=verdict.reason,
            event_source=lane.notes.event_source,
            fields=verdict.fields,
        )
        for lane, verdict in decided
        if verdict.outcome not in UNTOLD and not verdict.repeated
    ]
