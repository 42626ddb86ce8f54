"""The result of a page of a dry run: conclusions, what would be written, and the calls that this takes. Pure."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field

from crm_connector.domain.observation import Decision, Lease

_MOST_PER_CALL = 100  # records that one call reads or writes
_WRITTEN = {"create": "records_created", "update": "records_updated", "archive": "records_archived"}


@dataclass(frozen=True, slots=True)
class PlannedRecord:
    """What a dry run found about one record or lead. It names fields, never values. `key` is unique in the run."""

    key: str
    record_id: str = ""
    lead_id: str = ""
    outcome: str = "waiting"
    reason: str = ""
    lead_fields: tuple[str, ...] = ()
    crm_fields: tuple[str, ...] = ()
    conflict_fields: tuple[str, ...] = ()

    @property
    def is_listed(self) -> bool:
        """Whether people want to see it: something would happen, or there is a conflict."""
        return self.outcome != "unchanged" or bool(self.conflict_fields)


@dataclass(frozen=True, slots=True)
class Forecast:
    """Counts of one page. `further_calls` are made besides those that read the page."""

    outcomes: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    effects: Counter[str] = field(default_factory=Counter)
    further_calls: int = 0


def planned(lease: Lease, decision: Decision) -> PlannedRecord:
    """Build what was planned for a lease."""
    return PlannedRecord(
        key=lease.work_item_id,
        record_id=decision.record_id or lease.record_id,
        lead_id=decision.lead_id or lease.lead_id,
        outcome=decision.conclusion,
        reason=decision.reason,
        lead_fields=decision.lead_fields,
        crm_fields=tuple(sorted(decision.write.values)) if decision.write else (),
        conflict_fields=decision.conflict_fields,
    )


def forecast(decisions: Collection[Decision], found: int = 0) -> Forecast:
    """Count what was decided on one page. `found` leads have a record, which the real run then reads by its id.

    Further calls are one per hundred of these, and one per hundred writes of a kind: the batches of the real run.
    """
    effects = Counter(
        leads_created=sum(one.name == "created" for one in decisions),
        leads_updated=sum(one.name != "created" and bool(one.lead_fields) for one in decisions),
        conflicts=sum(len(one.conflict_fields) for one in decisions),
    )
    writes = Counter(_WRITTEN[one.write.kind.value] for one in decisions if one.write)
    return Forecast(
        outcomes=Counter(one.conclusion for one in decisions),
        reasons=Counter(filter(None, (one.counted_reason for one in decisions))),
        effects=effects + writes,
        further_calls=sum(map(_batches, (found, *writes.values()))),
    )


def _batches(number: int) -> int:
    return -(-number // _MOST_PER_CALL)
