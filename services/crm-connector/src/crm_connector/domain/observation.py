"""What lead-store and the connector say to each other about records, in our own types.

They mirror `leadsync.sync.v1`; times are aware datetimes in UTC. An empty string is a blank everywhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum


@dataclass(frozen=True, slots=True)
class Lease:
    """A work item we hold for a bounded time."""

    work_item_id: str
    fence: int
    record_id: str = ""
    lead_id: str = ""
    email: str = ""
    history: bool = False
    emails: tuple[str, ...] = ()

    @property
    def spellings(self) -> tuple[str, ...]:
        """All spellings of the lead's e-mail, in lower case; none if it has no e-mail."""
        return tuple(email.lower() for email in self.emails or (self.email,) if email)

    @property
    def looks_for_lead(self) -> bool:
        """Whether the lead has no record yet, so that its mark and e-mail are looked for (R6)."""
        return not self.record_id and bool(self.lead_id)


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a property, by the CRM's history."""

    crm: str
    value: str
    changed_at: datetime
    ours: bool
    source: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What one mapped property held: the CRM's spelling and the same as a lead value."""

    field: str
    crm: str
    value: str
    versions: tuple[Version, ...] = ()


@dataclass(frozen=True, slots=True)
class Present:
    """The record is there.

    `history_of` names the lead fields whose versions were read and are complete. `landed_write_id` is the id of our
    last write that the record carries. `missing_fields` are mapped fields whose property the CRM does not have.
    """

    record_id: str
    modified_at: datetime
    readings: tuple[Reading, ...] = ()
    source_system: str = ""
    marked_lead_id: str = ""
    with_history: bool = False
    merged_record_ids: tuple[str, ...] = ()
    other_emails: tuple[str, ...] = ()
    history_of: tuple[str, ...] = ()
    landed_write_id: str = ""
    object: str = ""
    record_url: str = ""
    missing_fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ArchivedRecord:
    """A record on a page of removed records."""

    record_id: str
    modified_at: datetime | None = None  # when it was removed; None if the CRM does not say
    archived: bool = True


@dataclass(frozen=True, slots=True)
class UnreadRecord:
    """A record on a page whose content the CRM did not show; `modified_at` is None if that was not shown either."""

    record_id: str
    reason: str
    modified_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Archived:
    """The record is in the CRM's archive."""


@dataclass(frozen=True, slots=True)
class Absent:
    """The CRM knows no such record, neither live nor archived."""


@dataclass(frozen=True, slots=True)
class Merged:
    """The record was merged into another one, or converted to one of another object."""

    into_record_id: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """The record could not be read; that says nothing about whether it exists (R14)."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unread:
    """Nothing was seen of the record, because of what the CRM answered for it: it is read again later."""

    reason: str


State = Present | Archived | Absent | Merged | Unreadable | Unread


@dataclass(frozen=True, slots=True)
class Observation:
    """What was seen of the record of a lease."""

    work_item_id: str
    fence: int
    state: State
    read_before_lease: bool = False


class Outcome(Enum):
    """What lead-store concluded, as far as it makes a difference here."""

    DECIDED = "decided"
    NEEDS_HISTORY = "needs_history"
    NEEDS_READING = "needs_reading"


class WriteKind(Enum):
    """What a write does."""

    CREATE = "create"
    UPDATE = "update"
    ARCHIVE = "archive"


@dataclass(frozen=True, slots=True)
class Write:
    """A write the CRM has to take: lead field → lead value, an empty value clears.

    `basis` is the modified-at of the reading that it was planned on. Where the CRM can store `write_id` in the record,
    it shows that the write landed.
    """

    write_id: str
    kind: WriteKind
    record_id: str
    lead_id: str
    values: Mapping[str, str]
    basis: datetime | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What was concluded on a work item; `name` is lead-store's word for it. Only plans name fields."""

    work_item_id: str
    outcome: Outcome
    name: str = ""
    write: Write | None = None
    reason: str = ""
    record_id: str = ""
    lead_id: str = ""
    lead_fields: tuple[str, ...] = ()
    conflict_fields: tuple[str, ...] = ()

    @property
    def conclusion(self) -> str:
        """The conclusion as runs count it: `waiting` while the work is still due."""
        undecided = self.outcome is not Outcome.DECIDED or self.name in ("released", "fenced")
        return "waiting" if undecided else self.name

    @property
    def counted_reason(self) -> str:
        """The reason, of conclusions whose reasons are counted; empty otherwise."""
        return self.reason if self.name in ("skipped", "unlinked", "failed") else ""


@dataclass(frozen=True, slots=True)
class Done:
    """The CRM took the write; `readings` hold its spelling, as far as the answer has it."""

    record_id: str
    modified_at: datetime | None = None
    readings: tuple[Reading, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """The CRM refused the write for good; `fields` (lead fields) were named."""

    reason: str
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The CRM says that these records hold the same e-mail; none if it does not name them."""

    record_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stale:
    """A guarded write met a record that is newer than its basis: nothing happened."""


@dataclass(frozen=True, slots=True)
class NotSent:
    """The write certainly did not happen."""

    reason: str
    retry_after_ms: int = 0


WriteOutcome = Done | Refused | Duplicate | Stale | NotSent


@dataclass(frozen=True, slots=True)
class WriteResult:
    """The outcome of the write of a work item. A write that may have landed has no result."""

    work_item_id: str
    fence: int
    write_id: str
    outcome: WriteOutcome


class ReleaseKind(Enum):
    """How a work item is released."""

    WAITING = "waiting"
    RETRY = "retry"


@dataclass(frozen=True, slots=True)
class Release:
    """One work item that is released without a decision."""

    work_item_id: str
    fence: int
    kind: ReleaseKind
    reason: str
    retry_after_ms: int = 0


@dataclass(frozen=True, slots=True)
class LeaseBatch:
    """Leases of one integration.

    `claimed_at` is our monotonic clock from *before* the call, `lease_seconds` counts from there (R4).
    """

    integration_id: str
    claimed_at: float
    lease_seconds: float
    leases: tuple[Lease, ...] = field(default=())

    @property
    def ends_at(self) -> float:
        """Monotonic time at which the leases end at the earliest."""
        return self.claimed_at + self.lease_seconds

    def send_by(self, timeout: float, margin: float) -> float:
        """Monotonic time after which no write is sent (R4): `timeout` and the CRM's `margin` must fit in the rest."""
        return self.ends_at - timeout - margin

    def read_by(self, timeout: float, margin: float) -> float:
        """Monotonic time after which no read is sent, so that the write it may lead to still fits.

        Of a lease too short for that, the first half: its writes will not be sent, but decisions can be taken.
        """
        return max(self.send_by(timeout, margin) - timeout, self.claimed_at + self.lease_seconds / 2)
