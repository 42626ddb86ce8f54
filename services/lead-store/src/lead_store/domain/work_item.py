"""The durable queue entry for one record, or for a lead that has no record yet. People call it work.

When a work item is tried again is decided in `retry`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from lead_store.domain.errors import Invalid
from lead_store.domain.lead import Lead
from lead_store.domain.match import Candidate
from lead_store.domain.rules import Target


@dataclass(frozen=True, slots=True)
class Notes:
    """What a work item remembers between readings."""

    created: bool = False  # an event said that the record is new
    deleted_at: datetime | None = None  # when an event last said that the record is gone
    absent_at: datetime | None = None  # first reading that did not find the record
    stale_since: datetime | None = None  # first reading older than what had been seen (R1)
    read_at: datetime | None = None  # newest modified-at of a full reading (R9)
    match_lead_id: str = ""  # lead without a record that found this one by its mark or its e-mail
    match_email: str = ""  # digest of the e-mail that it was found by; empty = the CRM itself named this record
    push: bool = False  # a person asked for a new record in place of a detached one (R13)
    erased_at: datetime | None = None  # when an event last said that the person's data was erased (R17)
    gone_at: datetime | None = None  # first proof of a deletion, for its grace period
    approved: bool = False  # a person has agreed to more deletions or clearings than the cap
    event_source: str = ""  # who made the last event on the record, in the CRM's words
    written: bool = False  # a write was handed out: the next reading is made with history (R2, R3)
    candidates: tuple[Candidate, ...] = ()  # leads that the record may belong to; it waits for a person
    choice: str = ""  # what the person chose: a lead's id, or `new`; the next decision uses it up
    chooser: str = ""  # the person


@dataclass(frozen=True, slots=True)
class WorkItem:
    """A work item as its holder sees it. It is due once `due_at` has passed, and leased until `lease_until`."""

    work_item_id: str
    tenant_id: str
    integration_id: str
    record_id: str = ""
    lead_id: str = ""
    version: int = 0  # grows with every touch
    claimed_version: int = 0  # version at the last claim: a greater one means that there is more to do
    fence: int = 0  # grows with every claim; a commit under an older one is refused
    worker: str = ""
    lease_until: datetime | None = None
    claimed_at: datetime | None = None
    due_at: datetime | None = None
    attempts: int = 0
    claims: int = 0  # claims in a row that came to no end: their worker crashed
    first_failed_at: datetime | None = None
    failed_at: datetime | None = None
    reason: str = ""
    outcome: str = ""  # last conclusion
    decided_at: datetime | None = None
    run_id: str = ""  # run that asked for the work; it comes after live work
    swept: bool = False  # only a sweep asked for the work
    claim: str = ""  # token of the last claim, the same for a whole batch
    notes: Notes = field(default_factory=Notes)


@dataclass(frozen=True, slots=True)
class WorkItemTouch:
    """A work item that is to become due, and what it should remember. A record's work item has a `record_id`."""

    tenant_id: str
    integration_id: str
    record_id: str = ""
    lead_id: str = ""
    created: bool = False
    deleted: bool = False
    erased: bool = False
    push: bool = False
    match_lead_id: str = ""
    match_email: str = ""
    delay: timedelta = timedelta()
    choice: str = ""
    chooser: str = ""
    quiet: bool = False  # the work item only has to exist; work that waits on it may begin now
    run_id: str = ""
    event_source: str = ""

    @property
    def work_item_id(self) -> str:
        """The work item's id: one work item per record, one per lead and integration."""
        return work_item_id(self.integration_id, record_id=self.record_id, lead_id=self.lead_id)


def work_item_id(integration_id: str, *, record_id: str = "", lead_id: str = "") -> str:
    """Id of a record's work item, or of a lead's work item when there is no record."""
    return f"{integration_id}/record/{record_id}" if record_id else f"{integration_id}/lead/{lead_id}"


def work_item_named(tenant_id: str, integration_id: str, work_item: str) -> WorkItem:
    """The work item of this id before its first touch. Raises Invalid if the id is not one of the integration's."""
    kind, _, name = work_item.removeprefix(f"{integration_id}/").partition("/")
    record_id, lead_id = (name, "") if kind == "record" else ("", name)
    if not name or work_item_id(integration_id, record_id=record_id, lead_id=lead_id) != work_item:
        raise Invalid("work_item_id", "is none of the integration's")
    return WorkItem(work_item, tenant_id, integration_id, record_id, lead_id)


def push_of(lead: Lead, target: Target, run_id: str = "") -> WorkItemTouch:
    """The work item that a push of this lead makes due: its record's, or without a link in use its own."""
    link = lead.link(target.integration_id)
    return WorkItemTouch(
        target.tenant_id,
        target.integration_id,
        record_id=link.record_id if link is not None and link.attached else "",
        lead_id=lead.lead_id,
        push=True,
        run_id=run_id,
    )


def erasure_of(target: Target, record_id: str) -> WorkItemTouch:
    """The work item of a record that was merged into one whose person was erased: it is the same person (R17)."""
    return WorkItemTouch(target.tenant_id, target.integration_id, record_id=record_id, erased=True)


def touches_of(lead: Lead, targets: Iterable[Target]) -> list[WorkItemTouch]:
    """The work items that a change of this lead makes due: one per target whose direction lets it out.

    A detached link gets none: no edit creates a record again (R13).
    """
    touches = []
    for target in targets:
        link = lead.link(target.integration_id)
        if not target.direction.to_crm or (link and link.detached_reason):
            continue
        record_id = link.record_id if link else ""
        touches.append(WorkItemTouch(lead.tenant_id, target.integration_id, record_id=record_id, lead_id=lead.lead_id))
    return touches
