"""The small world that the search interleaves: one lead, one record in each CRM, two workers, and what people did.

Leads, links, work items and writes are the real ones of `lead_store.domain`; a CRM is the list of its record's
versions. What it can do is one of the kinds below. Who made a value is known by edits, not by the value, since people
use values again: each edit is a bit, and every place that holds values says which edits they stem from. An edit is live
until a person who saw it, or a recorded decision, has replaced it.
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from lead_store.domain.lead import Lead, empty_lead
from lead_store.domain.link import Link, Pending
from lead_store.domain.merge import Base
from lead_store.domain.rules import BlankRule, Capabilities, Direction, FieldRule, MergeRule, Target
from lead_store.domain.work_item import Notes, WorkItem

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)  # the database's clock stands still; leases end by an event of their own
SECONDS = [NOW + timedelta(seconds=second) for second in range(100)]  # made once: a search asks for them often
LEASED, LONG_AGO = NOW + timedelta(seconds=60), NOW - timedelta(hours=1)
FIELDS = ("last_name", "company")
CRMS = ("a", "b")
OF_LEAD, OF_RECORD = 0, 1  # places of a CRM's work items

# Kinds of CRMs. One with neither history nor a guard is left out, since it cannot keep L2: a write may replace an edit
# that was made after the reading, and nothing shows it.
HISTORY = Capabilities()
STAMPED = Capabilities(write_stamp=True)
GUARDED = Capabilities(guarded_writes=True, write_stamp=True)
GUARDED_NO_HISTORY = replace(GUARDED, history=False)
WHOLE_SECONDS = replace(GUARDED_NO_HISTORY, unread_within=timedelta(seconds=1))  # of modified-at, and so of the guard
GUARD_ALONE = Capabilities(history=False, guarded_writes=True)  # a person may be asked about a write without answer


class Budget(NamedTuple):
    """What may still happen."""

    edits: int = 0  # of people, on any side
    crash: int = 0  # or stall
    stale: int = 0
    lose: int = 0  # or repeat
    choose: int = 0  # for one side of a conflict

    def spend(self, what: str) -> "Budget":
        """One less."""
        return self._replace(**{what: getattr(self, what) - 1})


class State(NamedTuple):
    """One version of a record."""

    values: tuple[str, ...]
    ours: bool
    changed: frozenset[str]
    second: int  # modified-at, in seconds after the first version
    stamp: str  # id of our last write that landed; people's edits leave it there
    edits: int


class Flight(NamedTuple):
    """A write whose sender is gone; it may still land."""

    place: int
    write: Pending
    edits: int
    replaces: int


class Crm(NamedTuple):
    """A CRM and what the database holds about it, but for the link."""

    versions: tuple[State, ...]
    work_items: tuple[WorkItem | None, WorkItem | None]  # the lead's, the record's
    kind: Capabilities = HISTORY
    event: bool = False  # one is under way
    flying: tuple[Flight, ...] = ()
    read: int = -1  # newest version of a full reading
    owed: int = 0  # effective writes that edits elsewhere still allow (L3)
    second_over: bool = True  # the next version has a later modified-at than the newest one

    @property
    def second(self) -> int:
        """The present second."""
        return self.versions[-1].second + self.second_over if self.versions else 0

    def with_version(self, version: State) -> "Crm":
        """The CRM after a change of the record, which makes an event."""
        second_over = not self.kind.unread_within
        return self._replace(versions=(*self.versions, version), event=True, second_over=second_over)


class Worker(NamedTuple):
    """A worker at a step: `read`, `decide`, `send`, `flying`, `settle`, or `stale` in place of the last."""

    crm: int
    place: int
    fence: int
    step: str = "read"
    history: bool = False  # it reads with history, where there is one
    seen: int | None = None  # a version's number; None = the record is not there
    write: Pending | None = None
    edits: int = 0  # that the written values stem from
    replaces: int = 0  # edits that give way to the write
    snapshot: Lead | None = None


class World(NamedTuple):
    """One state."""

    lead: Lead
    here: int  # edits that the lead's values stem from
    crms: tuple[Crm, ...]
    workers: tuple[Worker | None, ...]
    budget: Budget
    made: tuple[str, ...]  # value of each edit so far
    live: int
    kept: int = 0  # edits in decisions, and in conflicts over what a write replaced unseen
    used: tuple[int, ...] = ()  # how many values each field has had
    broken: str = ""


@dataclass(frozen=True)
class Without:
    """The safeguards; take one away by naming it."""

    base: bool = False  # forget what both sides agreed on
    pending: bool = False  # forget what was handed out
    fence: bool = False  # let a worker commit whose lease is over
    revision: bool = False  # commit a decision on a lead that has changed since it was read
    sweep: bool = False  # never look where no event came from
    seen: bool = False  # take readings older than what was seen (R1)
    lag: bool = False  # judge a left-over write before it must have landed (R2)
    read_first: bool = False  # create without looking for the mark (R6)
    upsert: bool = False  # create without the unique mark
    others: bool = False  # change a lead without making its other links' work items due (R20)
    guard: bool = False  # let a guarded write land on a version newer than its basis (R3)
    stale: bool = False  # take a stale write for one that landed (R3)
    seconds: bool = False  # write on a reading from the very second of its version (R3)
    unread: bool = False  # count a record as read that was read in the very second of its version (R9)
    stamp: bool = False  # never show whose write landed last (R2)
    never_asked: bool = False  # ask for history where there is none
    answered: bool = False  # never answer that there is no history


@dataclass(frozen=True)
class Setup:
    """The bounds of a world."""

    linked: tuple[bool, ...] = (True,)  # one per CRM: whether the lead has a record there when the world begins
    fields: int = 1
    values: tuple[str, ...] = ("0", "1", "2")  # each field begins with the first
    rule: MergeRule = MergeRule.ASK
    blank: BlankRule = BlankRule.KEEP
    workers: int = 2
    kinds: tuple[Capabilities, ...] = (HISTORY,)  # of the CRMs by turns
    on_demand: bool = False  # a first reading is made without history
    without: Without = field(default_factory=Without)

    @property
    def names(self) -> tuple[str, ...]:
        """The mapped fields."""
        return FIELDS[: self.fields]

    def targets(self) -> tuple[Target, ...]:
        """One integration per CRM."""
        rules = dict.fromkeys(self.names, FieldRule(self.rule, self.blank))
        return tuple(
            Target(crm, "t", "hubspot", crm, Direction.BIDIRECTIONAL, rules, "m", capabilities=self._claimed(n))
            for n, crm in enumerate(CRMS[: len(self.linked)])
        )

    def _claimed(self, crm: int) -> Capabilities:
        """What lead-store takes a CRM to be able to do. It is right, unless a safeguard is missing."""
        kind = self.kind(crm)
        if self.without.never_asked:
            kind = replace(kind, history=True)
        if self.without.seconds:
            kind = replace(kind, unread_within=timedelta())
        return kind

    def kind(self, crm: int) -> Capabilities:
        """What a CRM can do."""
        return self.kinds[crm % len(self.kinds)]

    def start(self, budget: Budget) -> World:
        """Linked pairs at rest, and work items of the lead where it has no record yet."""
        first = self.values[0]
        lead = empty_lead("lead", "t", "jazzaam", NOW).with_values(dict.fromkeys(self.names, first), NOW, "platform")
        lead = replace(lead, revision=1)
        everything = (1 << self.fields) - 1
        crms = []
        for n, (name, linked) in enumerate(zip(CRMS, self.linked, strict=False)):
            work_item = WorkItem("", "t", name, lead_id="lead", lease_until=LONG_AGO)
            if not linked:
                work_item = replace(work_item, work_item_id=f"{name}/lead/lead", due_at=LONG_AGO)
                crms.append(Crm((), (work_item, None), self.kind(n), owed=1))
                continue
            record, base = record_of(name), dict.fromkeys(self.names, Base(first, first))
            lead = lead.with_link(Link(name, "hubspot", name, record, base=base, mapping="m", seen=at(0)))
            notes = Notes(read_at=at(0))
            work_item = replace(work_item, work_item_id=f"{name}/record/{record}", record_id=record, notes=notes)
            state = State((first,) * self.fields, False, frozenset(self.names), second=0, stamp="", edits=everything)
            crms.append(Crm((state,), (None, work_item), self.kind(n), read=0))
        workers = (None,) * self.workers
        return World(lead, everything, tuple(crms), workers, budget, (first,), everything, used=(1,) * self.fields)


def at(second: int) -> datetime:
    """A second on the CRM's clock, which agrees with the database's."""
    return SECONDS[second]


def record_of(crm: str) -> str:
    """Id of the lead's record in a CRM."""
    return f"r{crm}"


def field_bits(setup: Setup, place: int) -> int:
    """The bits of all edits of one field: edit n of field f is bit `n * fields + f`."""
    return sum(1 << n * setup.fields + place for n in range(12))


def holds(work_item: WorkItem | None, worker: Worker, n: int) -> bool:
    """Whether the n-th worker still has its lease."""
    return work_item is not None and work_item.fence == worker.fence and work_item.worker == str(n)


def with_crm(w: World, n: int, crm: Crm) -> World:
    """The world with its n-th CRM in this state."""
    return w._replace(crms=(*w.crms[:n], crm, *w.crms[n + 1 :]))


def with_worker(w: World, n: int, worker: Worker | None) -> World:
    """The world with its n-th worker in this state."""
    return w._replace(workers=(*w.workers[:n], worker, *w.workers[n + 1 :]))


def with_work_item(w: World, n: int, work_item: WorkItem) -> World:
    """The world with this work item of the n-th CRM."""
    crm = w.crms[n]
    work_items = (crm.work_items[OF_LEAD], work_item) if work_item.record_id else (work_item, crm.work_items[OF_RECORD])
    return with_crm(w, n, crm._replace(work_items=work_items))
