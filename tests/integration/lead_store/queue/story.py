"""What happens around the queue in every run: events, edits, a worker's turn, and time that passes.

One record is linked and edited on both sides, one is new in the CRM, one lead is new on the platform, and one record
cannot be read at first. So a turn of a worker holds every command of the protocol: record, route, lease, reconcile,
write, settle and release.
"""

import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from integration.lead_store.queue.crm import FIELDS, Crm
from integration.lead_store.queue.process import Process, Wire
from lead_store.domain.decision import NextStep, Outcome
from lead_store.domain.delivery import Delivery, Touch, TouchKind
from lead_store.domain.rules import Direction, FieldRule, MergeRule, Target
from lead_store.domain.settlement import WriteResult
from lead_store.domain.work_item import WorkItem
from lead_store.mongo.client import EPOCH, Document
from lead_store.mongo.transaction import Contended
from lead_store.mongo.work_keys import with_work_keys
from pymongo import UpdateOne
from pymongo.database import Database
from work_item_values import wrong_keys

PASSES = timedelta(minutes=2)  # longer than a lease, the CRM's read lag and any wait
MOST_TURNS = 12
LINKED, NEW, UNREADABLE = "linked", "new", "unreadable"


@dataclass(slots=True)
class Story:
    """One run in a tenant of its own: its CRM, and what its people were shown."""

    url: str
    database: Database[Document]
    lease: timedelta
    tenant: str = field(default_factory=lambda: uuid.uuid4().hex[:8])
    crm: Crm = field(default_factory=Crm)
    unreadable: set[str] = field(default_factory=set)
    lead_id: str = ""
    events: int = 0  # that were recorded, whatever their number of tries
    late: bool = False  # an event came while a worker held its work items
    wires: list[Wire] = field(default_factory=list)
    commits: list[tuple[str, int]] = field(default_factory=list)  # (work item, fence), in the order of the commits

    @property
    def integration(self) -> str:
        """Id of the run's integration; its account has the same name."""
        return f"i-{self.tenant}"

    def process(self, worker_id: str = "worker", at: int = -1, then: Callable[[], None] | None = None) -> Process:
        """Start a lead-store process."""
        wire = Wire(self.commits, at, then)
        self.wires.append(wire)
        return Process(self.url, self.database.name, f"{worker_id}-{self.tenant}-{len(self.wires)}", self.lease, wire)

    def begin(self) -> None:
        """Let one record be linked and everything be done."""
        with self.process().open() as process:
            process.store.targets.put(self._target(), self._target().fingerprint)
            self.crm.edit(LINKED, email=f"linked@{self.tenant}.example", last_name="Before", company="Before")
            process.inbox.record([self._delivery(LINKED)])
            self.drain(process)
            (lead,) = process.store.leads.page(self.tenant, "", 10, "")
            self.lead_id = lead.lead_id

    def requests(self) -> list[Callable[[Process], object]]:
        """What others ask of lead-store; each asks again until it is answered."""
        self.crm.edit(LINKED, last_name="Changed there")
        self.crm.edit(NEW, email=f"new@{self.tenant}.example", last_name="New there")
        self.crm.edit(UNREADABLE, email=f"unreadable@{self.tenant}.example", last_name="Hard to read")
        self.unreadable = {UNREADABLE}
        deliveries = [self._delivery(LINKED), self._delivery(NEW, UNREADABLE)]
        new = {"email": f"here@{self.tenant}.example", "last_name": "New here"}
        return [
            lambda process: process.inbox.record(deliveries),
            lambda process: process.leads.update(self.tenant, self.lead_id, {"company": "Changed here"}, "", "ann"),
            lambda process: process.leads.create(self.tenant, "request", new, "ann"),
        ]

    def interrupt(self, process: Process) -> None:
        """Let two records change while a worker holds their work items."""
        self.late = True
        self.crm.edit(LINKED, last_name="Changed late")
        self.crm.edit(NEW, company="Late there")
        process.inbox.record([self._delivery(LINKED, NEW)])
        with suppress(Contended):  # routing waits for its next round
            process.router.route()

    def turn(self, process: Process) -> bool:
        """Route, then work off whatever is due; whether anything was."""
        with suppress(Contended):
            process.router.route()
        leased = process.lease.due(process.worker_id, 100, 0, [], lambda: True)
        work_items = [lease.work_item for lease in leased.leases]
        for work_item in [work_item for work_item in work_items if work_item.record_id in self.unreadable]:
            self.unreadable.discard(work_item.record_id)
            process.work.release(
                process.worker_id,
                work_item.work_item_id,
                work_item.fence,
                "crm_error",
                timedelta(seconds=1),
                counts=True,
            )
            work_items.remove(work_item)
        if work_items:
            self._work_off(process, work_items)
        return bool(leased.leases)

    def drain(self, process: Process) -> None:
        """Work until nothing is due any more, however long that takes."""
        for _ in range(MOST_TURNS):
            self.time_passes()
            busy = self.turn(process)
            assert not (wrong := list(wrong_keys(self.database["work_items"].find()))), wrong
            if not busy and not self._waiting():
                return
        raise AssertionError(f"still at work after {MOST_TURNS} turns: {self._waiting()}")

    def time_passes(self) -> None:
        """Let leases, waits and the transactions of the dead be long over."""
        dead = [session for wire in self.wires if wire.dead for session in wire.sessions]
        if dead:
            self.database.client.admin.command("killSessions", dead)
        work_items, leads = self.database["work_items"], self.database["leads"]
        later = []
        for work_item in work_items.find({"integration_id": self.integration}):
            past = {name: work_item[name] - PASSES for name in ("lease_until", "due_at") if work_item.get(name)}
            later.append(UpdateOne({"_id": work_item["_id"]}, with_work_keys(past)))
        if later:
            work_items.bulk_write(later)
        for lead in leads.find({"tenant_id": self.tenant, "links.pending.kind": {"$exists": True}}):
            for link in lead["links"]:
                link["pending"]["until"] -= PASSES
            leads.update_one({"_id": lead["_id"]}, {"$set": {"links": lead["links"]}})
        self.database["targets"].update_one({"_id": self.integration}, {"$set": {"worker_until": EPOCH}})

    def end(self) -> None:
        """Keep later runs from looking at this one's work."""
        self.database["targets"].delete_one({"_id": self.integration})

    def _work_off(self, process: Process, work_items: list[WorkItem]) -> None:
        by_id = {work_item.work_item_id: work_item for work_item in work_items}
        seen = [self.crm.observe(work_item, history=work_item.notes.written) for work_item in work_items]
        writes = []
        for _ in range(2):
            decisions = process.work.reconcile(process.worker_id, seen)
            decided = list(zip(seen, decisions, strict=True))
            writes += [
                (by_id[one.work_item_id], v.write) for one, v in decided if v.next_step is NextStep.WRITE and v.write
            ]
            again = [by_id[one.work_item_id] for one, v in decided if v.outcome is Outcome.NEEDS_HISTORY]
            if not again:
                break
            seen = [self.crm.observe(work_item, history=True) for work_item in again]
        results = []
        for work_item, write in writes:
            process.wire.step(f"CRM {write.kind.value}")
            results.append(
                WriteResult(work_item.work_item_id, work_item.fence, write.write_id, self.crm.write(work_item, write))
            )
        if results:
            process.work.settle(process.worker_id, results)

    def _waiting(self) -> list[str]:
        due = self.database["work_items"].find({"integration_id": self.integration, "due_at": {"$type": "date"}})
        kept = self.database["deliveries"].find({"account_id": self.integration, "state": "new"})
        return [one["_id"] for one in [*due, *kept]]

    def _target(self) -> Target:
        rules = dict.fromkeys(FIELDS, FieldRule(MergeRule.NEWEST))
        return Target(self.integration, self.tenant, "hubspot", self.integration, Direction.BIDIRECTIONAL, rules, "m")

    def _delivery(self, *records: str) -> Delivery:
        touches = tuple(Touch("contact", record, TouchKind.CHANGED) for record in records)
        now, key = datetime.now(UTC), f"{self.tenant}-{self.events}"
        self.events += len(records)
        return Delivery(key, "hubspot", self.integration, b"[]", {}, touches, len(records), 0, now)
