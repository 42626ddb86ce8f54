"""What a record looked like when it was read."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from lead_store.domain.lead_fields import TenantFields
from lead_store.domain.rules import Reading, Version
from lead_store.domain.values import NotOfType, canonical


@dataclass(frozen=True, slots=True)
class UnreadableValue:
    """A value in the CRM that is not of the lead field's type. Neither side is changed."""

    theirs: str
    reason: str


@dataclass(frozen=True, slots=True)
class Present:
    """The record is there. `record_id` is the id under which the CRM answered."""

    record_id: str
    modified_at: datetime
    readings: Mapping[str, Reading]
    source_system: str = ""
    marked_lead_id: str = ""
    with_history: bool = False  # history was asked for
    merged_record_ids: tuple[str, ...] = ()
    other_emails: tuple[str, ...] = ()  # further addresses that identify the record, besides the mapped one
    history_of: frozenset[str] = frozenset()  # fields whose versions were read and are complete
    landed_write_id: str = ""  # id of our last write that landed, where the CRM stores it in the record
    object: str = ""  # in the CRM's words
    record_url: str = ""  # its page in the CRM, for people
    unreadable: Mapping[str, UnreadableValue] = field(default_factory=dict)  # these have no reading
    missing: frozenset[str] = frozenset()  # mapped fields whose property the CRM does not have; nor have these

    @property
    def values(self) -> dict[str, str]:
        """The lead values of the mapped fields."""
        return {name: reading.value for name, reading in self.readings.items()}

    @property
    def emails(self) -> tuple[str, ...]:
        """All addresses of the record; an empty one if none is mapped or read."""
        return self.values.get("email", ""), *self.other_emails

    def typed(self, fields: TenantFields) -> "Present":
        """The record with its values in the canonical forms of their fields' types.

        A value that is not of its type is set apart, so its property counts as not read: it is never taken for a blank.
        """
        typed = self.readings.keys() & {"email", *fields.declared}  # values of other standard fields may be any text
        if not typed:
            return self
        readings, unreadable = dict(self.readings), dict(self.unreadable)
        for name in typed:
            declared, reading = fields.declared.get(name), self.readings[name]
            kind, options = fields.type_of(name), declared.options if declared else ()
            try:
                value = canonical(kind, reading.value, options)
            except NotOfType as error:
                del readings[name]
                unreadable[name] = UnreadableValue(reading.crm, error.reason)
            else:
                versions = tuple(_typed(version, fields, name) for version in reading.versions)
                readings[name] = Reading(reading.crm, value, versions)
        return replace(self, readings=readings, unreadable=unreadable)


@dataclass(frozen=True, slots=True)
class Archived:
    """The record is in the CRM's archive."""


@dataclass(frozen=True, slots=True)
class Absent:
    """The CRM does not know the record; on a lead's work item: nothing carries its mark or its e-mail."""


@dataclass(frozen=True, slots=True)
class Merged:
    """The record was merged into another one."""

    into_record_id: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """The record could not be read; never taken for absent (R14)."""

    reason: str


State = Present | Archived | Absent | Merged | Unreadable


@dataclass(frozen=True, slots=True)
class Observation:
    """One reading, under one lease."""

    work_item_id: str
    fence: int
    state: State
    read_before_lease: bool = False

    def typed(self, fields: TenantFields) -> "Observation":
        """The reading with its values in the canonical forms of their fields' types."""
        return replace(self, state=self.state.typed(fields)) if isinstance(self.state, Present) else self


def _typed(version: Version, fields: TenantFields, name: str) -> Version:
    """A version with its value in canonical form; one that is not of the type stays as it is."""
    try:
        return replace(version, value=canonical(fields.type_of(name), version.value))
    except NotOfType:
        return version
