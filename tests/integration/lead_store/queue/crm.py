"""A CRM of a few records: read by id or by mark, upsert by mark, with history. Everything else is the protocol's."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from lead_store.domain.link import Pending, WriteKind
from lead_store.domain.observation import Absent, Observation, Present
from lead_store.domain.rules import Reading, Version
from lead_store.domain.settlement import Done
from lead_store.domain.work_item import WorkItem
from lead_store.mongo.client import EPOCH

FIELDS = ("email", "last_name", "company")


@dataclass(slots=True)
class Record:
    """One record; versions are newest first."""

    record_id: str
    mark: str = ""
    modified_at: datetime = EPOCH
    values: dict[str, str] = field(default_factory=dict)
    versions: dict[str, list[Version]] = field(default_factory=dict)


@dataclass(slots=True)
class Crm:
    """The records, and what was written to them by us."""

    records: dict[str, Record] = field(default_factory=dict)
    effective: Counter[str] = field(default_factory=Counter)  # writes of ours that changed something, by record
    calls: Counter[str] = field(default_factory=Counter)  # writes of ours, by work item
    last: datetime = EPOCH

    def edit(self, record_id: str, **values: str) -> None:
        """A person makes or edits a record."""
        self._set(self.records.setdefault(record_id, Record(record_id)), values, ours=False)

    def observe(self, work_item: WorkItem, *, history: bool) -> Observation:
        """Read what a work item is about."""
        record = self.records.get(work_item.record_id) if work_item.record_id else self._marked(work_item.lead_id)
        if record is None:
            return Observation(work_item.work_item_id, work_item.fence, Absent())
        readings = {}
        for name in FIELDS:
            value = record.values.get(name, "")
            readings[name] = Reading(value, value, tuple(record.versions.get(name, ())) if history else ())
        present = Present(
            record.record_id,
            record.modified_at,
            readings,
            source_system="jazzaam" if record.mark else "",
            marked_lead_id=record.mark,
            with_history=history,
        )
        return Observation(work_item.work_item_id, work_item.fence, present)

    def write(self, work_item: WorkItem, write: Pending) -> Done:
        """Carry out a write of ours: a create is an upsert by the lead's mark."""
        self.calls[work_item.work_item_id] += 1
        record = self.records.get(work_item.record_id)
        if write.kind is WriteKind.CREATE:
            record = self._marked(work_item.lead_id) or Record(f"made-{len(self.records)}", work_item.lead_id)
            self.records[record.record_id] = record
        assert record is not None, f"an update of a record that nobody knows: {work_item.work_item_id}"
        self.effective[record.record_id] += self._set(record, write.values, ours=True)
        answer = {name: Reading(value, value) for name, value in record.values.items()}
        return Done(record.record_id, record.modified_at, answer)

    def _marked(self, lead_id: str) -> Record | None:
        return next((one for one in self.records.values() if one.mark == lead_id), None)

    def _set(self, record: Record, values: Mapping[str, str], *, ours: bool) -> bool:
        changed = {name: value for name, value in values.items() if record.values.get(name, "") != value}
        if changed:
            now = datetime.now(UTC)
            self.last = max(now.replace(microsecond=0), self.last) + timedelta(milliseconds=1)
            record.modified_at = self.last
        for name, value in changed.items():
            record.values[name] = value
            record.versions.setdefault(name, []).insert(0, Version(value, value, record.modified_at, ours))
        return bool(changed)
