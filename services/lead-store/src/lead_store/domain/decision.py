"""What was concluded on a work item, and everything that its commit has to write."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from lead_store.domain.lead import Lead
from lead_store.domain.link import Pending
from lead_store.domain.match import Candidate
from lead_store.domain.observation import Observation, Present
from lead_store.domain.rules import Target
from lead_store.domain.work_item import Notes, WorkItem, WorkItemTouch


class Outcome(StrEnum):
    """What was concluded."""

    UNCHANGED = "unchanged"
    CREATED = "created"
    LINKED = "linked"
    UPDATED = "updated"
    PUSHED = "pushed"
    SKIPPED = "skipped"
    UNLINKED = "unlinked"
    SETTLED = "settled"
    REFUSED = "refused"
    ERASED = "erased"
    NEEDS_HISTORY = "needs_history"
    NEEDS_READING = "needs_reading"
    RELEASED = "released"
    FENCED = "fenced"
    FAILED = "failed"


UNDECIDED = frozenset({Outcome.FENCED, Outcome.RELEASED, Outcome.NEEDS_HISTORY, Outcome.NEEDS_READING})


class LeaseEnd(StrEnum):
    """What becomes of the lease."""

    KEPT = "kept"  # as it is: the holder reads again
    HELD = "held"  # the holder has a write to carry out
    DONE = "done"  # over; due again only if the work item was touched meanwhile
    IDLE = "idle"  # over, and another work item has taken over what is due
    WAITING = "waiting"  # over; due again at a time
    FAILED = "failed"  # over; waits for a person


@dataclass(frozen=True, slots=True)
class Case:
    """A work item, what was seen, and everything that the decision may look at."""

    work_item: WorkItem
    observation: Observation
    target: Target
    now: datetime  # the database's clock
    platform: str
    new_lead_id: str
    new_write_id: str
    lead: Lead | None = None  # the lead that the work item names
    marked: Lead | None = None  # the lead that the record's mark names
    hopeful: Lead | None = None  # the lead that found this record by its e-mail
    chosen: Lead | None = None  # the lead that a person has picked for this record
    nearby: tuple[Lead, ...] = ()  # leads that may share a key with the record, or had it, by id
    heir: Lead | None = None  # the lead that the work item's lead was merged into, by way of others perhaps
    merged: tuple[Lead, ...] = ()  # leads that are linked to records merged into this one (R15)
    other_targets: tuple[Target, ...] = ()
    tombstoned: bool = False  # the record or its e-mail belongs to a person whose data was erased (R17)
    deletions_left: int = 0  # how many deletions this hour may still bring (L7)


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field of a decision, for the history."""

    side: str  # `platform` or `crm`: whose value is replaced
    before: str
    after: str
    because: str = ""


@dataclass(slots=True)
class Decision:
    """The conclusion. `lead` is the lead's new state; without `before` it is a new one."""

    outcome: Outcome
    end: LeaseEnd = LeaseEnd.DONE
    reason: str = ""
    record_id: str = ""
    lead: Lead | None = None
    before: Lead | None = None
    duplicates: list[tuple[Lead, Lead]] = field(default_factory=list)  # leads whose record was merged away (R15)
    write: Pending | None = None
    due_at: datetime | None = None
    notes: Notes | None = None
    names_lead: str = ""  # lead that the record's work item names from now on
    touches: list[WorkItemTouch] = field(default_factory=list)
    ended_work_items: list[str] = field(
        default_factory=list
    )  # work items whose fence moves on, so that their holder is out (R5)
    idle_work_items: list[str] = field(default_factory=list)  # work items whose work is done by this one
    failed_work_items: dict[str, str] = field(default_factory=dict)  # work items that a person has to look at → reason
    identities: set[str] = field(default_factory=set)  # keys of people that the commit has to own (R16)
    candidates: tuple[Candidate, ...] = ()  # leads among which a person has to choose
    counts: Counter[str] = field(default_factory=Counter)
    fields: dict[str, FieldChange] = field(default_factory=dict)
    repeated: bool = False  # the holder asked twice and gets the same write: nothing new is kept or counted
    erases: bool = False  # the lead `before` and all that is known of it goes (R17)
    skipped: bool = False  # a `created` event on a record that the platform made itself

    @property
    def lead_id(self) -> str:
        """The lead concerned; empty if none."""
        return self.lead.lead_id if self.lead else self.before.lead_id if self.before else ""


def released(case: Case, reason: str, at: datetime, notes: Notes | None = None) -> Decision:
    """Nothing decided: the work item is due again at a time, and no attempt is counted."""
    return Decision(
        Outcome.RELEASED, LeaseEnd.WAITING, reason, due_at=at, notes=notes, record_id=case.work_item.record_id
    )


def failed(case: Case, reason: str) -> Decision:
    """A person has to look at it."""
    return Decision(
        Outcome.FAILED, LeaseEnd.FAILED, reason, record_id=case.work_item.record_id, counts=Counter(from_crm_failed=1)
    )


def skipped(case: Case, reason: str, notes: Notes) -> Decision:
    """Ignored on purpose."""
    return Decision(
        Outcome.SKIPPED,
        reason=reason,
        notes=notes,
        record_id=case.work_item.record_id,
        counts=Counter(from_crm_skipped=1),
    )


def present_of(case: Case) -> Present:
    """The present reading of a case that is known to have one."""
    state = case.observation.state
    if not isinstance(state, Present):
        raise TypeError(f"not a present reading: {type(state).__name__}")
    return state
