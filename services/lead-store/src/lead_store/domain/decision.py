"""What was concluded on a work item, and everything that its commit has to write."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from lead_store.domain.lead import Lead
from lead_store.domain.link import Pending
from lead_store.domain.match import Candidate
from lead_store.domain.observation import Observation, Present
from lead_store.domain.retry import PRODUCTION, Waits
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


class NextStep(StrEnum):
    """What happens to the work item after a decision."""

    KEEP = "keep"  # the lease stays as it is, for another reading
    WRITE = "write"  # the lease stays, for a write; without an answer the work item is due again at `due_at`
    DONE = "done"  # the lease ends; due again only if the work item was touched meanwhile
    HANDED_OVER = "handed_over"  # the lease ends; another work item has taken over what was due
    RETRY = "retry"  # the lease ends; due again at `due_at`
    FAILED = "failed"  # the lease ends; a person has to look


@dataclass(frozen=True, slots=True)
class Case:
    """A work item, what was seen of its record, and everything else that the decision may look at."""

    work_item: WorkItem
    observation: Observation
    target: Target
    now: datetime  # by the database's clock
    platform: str
    new_lead_id: str
    new_write_id: str
    lead: Lead | None = None  # the lead that the work item names
    marked: Lead | None = None  # the lead that the record's mark names
    finder: Lead | None = None  # the lead without a record whose search by mark or e-mail found this record
    chosen: Lead | None = None  # the lead that a person has picked for this record
    similar: tuple[Lead, ...] = ()  # leads that may share a key with the record, or had it before, by id
    survivor: Lead | None = None  # the lead that the work item's lead was merged into, at the end of the chain
    merged: tuple[Lead, ...] = ()  # leads that are linked to records merged into this one (R15)
    other_targets: tuple[Target, ...] = ()
    tombstoned: bool = False  # the record or its e-mail belongs to a person whose data was erased (R17)
    deletions_left: int = 0  # how many deletions this hour may still bring (L7)
    linked: int = 0  # leads whose link to the integration is in use
    cleared: Mapping[str, int] = field(default_factory=dict)  # field -> how often it was cleared in this hour
    waits: Waits = PRODUCTION


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field of a decision, for the history."""

    side: str  # `platform` or `crm`: whose value is replaced
    before: str
    after: str
    because: str = ""


@dataclass(slots=True)
class Decision:
    """The conclusion. `lead` is the lead's new state; without `before` it is a new lead."""

    outcome: Outcome
    next_step: NextStep = NextStep.DONE
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
    ended_work_items: list[str] = field(default_factory=list)  # their leases end: their fences move on (R5)
    idle_work_items: list[str] = field(default_factory=list)  # their work is done by this one
    failed_work_items: dict[str, str] = field(default_factory=dict)  # a person has to look at them → reason
    identities: set[str] = field(default_factory=set)  # keys of people that the commit has to own (R16)
    candidates: tuple[Candidate, ...] = ()  # leads among which a person has to choose
    counts: Counter[str] = field(default_factory=Counter)
    fields: dict[str, FieldChange] = field(default_factory=dict)
    repeated: bool = False  # the holder asked twice and gets the same write: nothing new is kept or counted
    erases: bool = False  # the lead `before` and all that is known of it is deleted (R17)
    crm: str = ""  # name of the CRM that a new lead came from
    skipped: bool = False  # a `created` event on a record that the platform made itself

    @property
    def lead_id(self) -> str:
        """The lead concerned; empty if none."""
        return self.lead.lead_id if self.lead else self.before.lead_id if self.before else ""


def stays_due(work_item: WorkItem, decision: Decision) -> bool:
    """Whether a work item, or another one whose lease the decision ends, is due afterwards, at once or later."""
    was_touched = work_item.version > work_item.claimed_version
    return was_touched or decision.due_at is not None or bool(decision.ended_work_items)


def released(case: Case, reason: str, at: datetime, notes: Notes | None = None) -> Decision:
    """Nothing is decided: the work item is due again at a time, and no attempt is counted."""
    return Decision(
        Outcome.RELEASED, NextStep.RETRY, reason, due_at=at, notes=notes, record_id=case.work_item.record_id
    )


def failed(case: Case, reason: str) -> Decision:
    """A person has to look at it."""
    return Decision(
        Outcome.FAILED, NextStep.FAILED, reason, record_id=case.work_item.record_id, counts=Counter(from_crm_failed=1)
    )


def skipped(case: Case, reason: str, notes: Notes) -> Decision:
    """The record is ignored on purpose."""
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
