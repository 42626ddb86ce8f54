"""The port of a CRM, implemented in memory: what it can do is what its capabilities say."""

import time
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime

from crm_connector.crm import Page, Quota, RemovedPage, Schema
from crm_connector.domain import integration as domain
from crm_connector.domain.capabilities import Capabilities
from crm_connector.domain.errors import CrmUnavailableError, LeaseTooShortError
from crm_connector.domain.fitting import check_fit
from crm_connector.domain.mapping import CrmField, FieldMapping, kinds_of
from crm_connector.domain.observation import (
    Absent,
    Archived,
    ArchivedRecord,
    Done,
    Lease,
    Merged,
    NotSent,
    Observation,
    Present,
    Stale,
    State,
    Version,
    Write,
    WriteKind,
    WriteOutcome,
)
from crm_connector.domain.values import ValueType
from integration.connector.crms.account import Account, Record
from integration.connector.crms.stream import Events

MARK, SOURCE = "mark", "source"
FIELDS = (
    CrmField("email", type="text"),
    CrmField("name", type="text"),
    CrmField("score", type="decimal", kind=ValueType.NUMBER),
)
MAPPING = {"email": "email", "first_name": "name"}


@dataclass(frozen=True)
class MemoryCrm:
    """One account, called with one mapping."""

    of: Account
    capabilities: Capabilities
    mapping: FieldMapping
    timeout: float = 1.0

    def mapped(self, mapping: FieldMapping) -> "MemoryCrm":
        """Give the same account under another mapping."""
        return replace(self, mapping=mapping)

    def low_priority(self) -> "MemoryCrm":
        """Give the same account."""
        return self

    def account(self, *, writes: bool) -> domain.Account:
        """Say whose the credential is."""
        del writes
        return domain.Account("acme")

    def prepare(self, mapping: FieldMapping, written: Set[str]) -> Mapping[str, ValueType]:
        """Check the mapping."""
        check_fit(mapping, FIELDS, written)
        return kinds_of(mapping, FIELDS)

    def observe(self, leases: Sequence[Lease], deadline: float) -> list[Observation]:
        """Read the records of these leases."""
        del deadline
        self.of.called("read")
        return [Observation(lease.work_item_id, lease.fence, self._state(lease)) for lease in leases]

    def write(self, writes: Sequence[Write], send_by: float) -> dict[str, WriteOutcome]:
        """Carry out writes."""
        if time.monotonic() > send_by:
            return {write.write_id: NotSent(LeaseTooShortError().reason) for write in writes}
        self.of.called("write")
        self.of.before_write()
        outcomes = {write.write_id: self._written(write) for write in writes}
        return {write_id: outcome for write_id, outcome in outcomes.items() if outcome is not None}

    def changed_since(self, since: datetime, position: object | None, deadline: float) -> Page:
        """Give all that changed, on one page."""
        del position, deadline
        self.of.called("search")
        found = (one for one in self.of.records.values() if one.modified_at >= since and _is_live(one))
        records = tuple(self._present(one) for one in sorted(found, key=lambda one: one.modified_at))
        return Page(records, None, until=records[-1].modified_at if records else None)

    def removed_since(self, since: datetime, position: str, deadline: float) -> RemovedPage:
        """Give all that was archived, on one page."""
        del position, deadline
        self.of.called("list removed")
        found = (one for one in self.of.records.values() if one.archived and one.modified_at >= since)
        return RemovedPage(tuple(ArchivedRecord(one.record_id, one.modified_at) for one in found), "")

    def all_records(self, position: str, deadline: float) -> Page:
        """Give all records, on one page."""
        del position, deadline
        return Page(tuple(self._present(one) for one in self.of.records.values() if _is_live(one)), None)

    def count(self) -> int:
        """Count the records."""
        return len(self.of.records)

    def schema(self) -> Schema:
        """Give the properties."""
        return Schema(FIELDS, ())

    def is_failing(self) -> bool:
        """It never fails for long."""
        return False

    def default_mapping(self) -> FieldMapping:
        """Give the default mapping."""
        return FieldMapping(MAPPING)

    def quota(self) -> Quota | None:
        """There is none."""
        return None

    def record_url(self, record_id: str) -> str:
        """Give the page of a record."""
        return f"https://crm.example.com/{record_id}"

    def stream(self) -> Events | None:
        """Open the stream."""
        return Events(self.of)

    def ensure_subscription(self) -> datetime | None:
        """Renew the subscription."""
        self.of.called("subscribe")
        if self.of.subscription_fails:
            raise CrmUnavailableError("crm_unavailable")
        return self.of.subscription_end

    def _state(self, lease: Lease) -> State:
        if lease.looks_for_lead:
            found = (one for one in self.of.records.values() if _is_live(one))
            marked = next((one for one in found if one.values.get(MARK) == lease.lead_id), None)
            return self._present(marked, history=lease.history) if marked is not None else Absent()
        record = self.of.records.get(lease.record_id)
        if record is None:
            return Absent()
        if record.merged_into:
            return Merged(record.merged_into)
        return Archived() if record.archived else self._present(record, history=lease.history)

    def _present(self, record: Record, *, history: bool = False) -> Present:
        has = history and self.capabilities.history
        versions = {
            name: tuple(Version(one.value, "", one.at, one.ours, "person") for one in kept)
            for name, kept in record.versions.items()
            if has
        }
        properties = {one.property: record.values.get(one.property, "") for one in FIELDS}
        return Present(
            record_id=record.record_id,
            modified_at=record.modified_at,
            readings=self.mapping.readings(properties, versions),
            source_system=record.values.get(SOURCE, ""),
            marked_lead_id=record.values.get(MARK, ""),
            with_history=history,
            history_of=self.mapping.fields_of(versions),
            landed_write_id=record.stamp if self.capabilities.write_stamp else "",
            object="record",
            record_url=self.record_url(record.record_id),
        )

    def _written(self, write: Write) -> WriteOutcome | None:
        stamp = write.write_id if self.capabilities.write_stamp else ""
        record_id, values = write.record_id, self.mapping.to_crm(write.values)
        record = self.of.records.get(record_id)
        if self.capabilities.guarded_writes and record and write.basis and record.modified_at > write.basis:
            return Stale()
        if write.kind is WriteKind.CREATE:
            marks = {MARK: write.lead_id, SOURCE: "jazzaam"}
            record_id = self.of.create(values | marks, ours=True, stamp=stamp)
        elif write.kind is WriteKind.ARCHIVE:
            self.of.archive(record_id)
        else:
            self.of.edit(record_id, values, ours=True, stamp=stamp)
        if "lose_answer" in self.of.faults:
            self.of.faults.remove("lose_answer")
            return None
        after = self.of.records[record_id]
        return Done(record_id, after.modified_at, self.mapping.readings(values))


def _is_live(record: Record) -> bool:
    return not (record.archived or record.merged_into)
