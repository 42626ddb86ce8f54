"""The link between a lead and one CRM record: the base, a pending write, and what waits for people."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from lead_store.domain.merge import Base, Conflict
from lead_store.domain.observation import UnreadableValue
from lead_store.domain.oscillation import Oscillation


class WriteKind(StrEnum):
    """What a write does to the CRM."""

    CREATE = "create"
    UPDATE = "update"
    ARCHIVE = "archive"


@dataclass(frozen=True, slots=True)
class Pending:
    """A write that was handed out and whose answer has not been noted: its values, who has it, and until when."""

    write_id: str
    kind: WriteKind
    work_item_id: str
    fence: int
    until: datetime  # end of the writer's lease
    values: Mapping[str, str]
    basis: datetime | None = None  # modified-at of the reading it was planned on; None for a create
    planned_at: datetime | None = None  # by the database's clock
    inherited: bool = False  # planned for a lead that was merged into this one
    replaces: Mapping[str, str] = field(default_factory=dict)  # what the record held; a new record holds nothing


@dataclass(frozen=True, slots=True)
class LastWrite:
    """Our last write, kept until a reading with history has shown whether it replaced a value unseen (R3)."""

    basis: datetime  # modified-at of the reading that it was planned on
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Overwritten:
    """A value that somebody set between our reading and our write, so that the write replaced it unseen (R3)."""

    value: str
    changed_at: datetime
    source: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """A value that the CRM refuses. It is not sent again until it changes (R21)."""

    value: str
    reason: str
    rules: str = ""  # fingerprint of the target it was refused under; under another one it is tried again


@dataclass(frozen=True, slots=True)
class Link:
    """One link; at most one per lead and integration. `record_id` is empty until a create is settled."""

    integration_id: str
    provider: str
    account_id: str = ""
    record_id: str = ""
    former_record_ids: tuple[str, ...] = ()
    base: Mapping[str, Base] = field(default_factory=dict)
    mapping: str = ""  # fingerprint of the mapping that the base was made under (R19)
    pending: Pending | None = None
    seen: datetime | None = None  # newest modified-at that a reading or an answer showed (R1)
    conflicts: Mapping[str, Conflict] = field(default_factory=dict)
    refused: Mapping[str, Refusal] = field(default_factory=dict)
    detached_reason: str = ""
    duplicate_of: str = ""  # record that this one was merged into, when another lead kept it (R15)
    last_write: LastWrite | None = None
    oscillations: Mapping[str, Oscillation] = field(default_factory=dict)  # how fields have been moving
    overwritten: Mapping[str, Overwritten] = field(default_factory=dict)  # shown to people until they have decided
    emails: tuple[str, ...] = ()  # keys of all addresses of the record, for an erasure (R17)
    object: str = ""  # object of the record in the CRM's words
    record_url: str = ""  # its page in the CRM, for people
    unreadable: Mapping[str, UnreadableValue] = field(default_factory=dict)  # shown to people until they are readable

    @property
    def attached(self) -> bool:
        """Whether lead and record are kept the same."""
        return bool(self.record_id) and not self.detached_reason

    @property
    def was_gone(self) -> bool:
        """Whether it was detached because its record was gone: a restored record attaches it again (R13)."""
        return bool(self.record_id) and self.detached_reason in {"record_archived", "record_gone"}

    def base_under(self, mapping: str) -> Mapping[str, Base]:
        """The base, or none if it was made under another mapping (R19)."""
        return self.base if self.mapping == mapping else {}

    def saw(self, modified_at: datetime | None) -> datetime | None:
        """`seen` after one more reading or answer."""
        return max(filter(None, (self.seen, modified_at)), default=None)
