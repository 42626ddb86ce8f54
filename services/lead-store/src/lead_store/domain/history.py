"""What is kept of decisions: entries of a lead's history, and the statistics of an integration."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from lead_store.domain.decision import UNDECIDED, Decision, FieldChange, NextStep, Outcome
from lead_store.domain.work_item import WorkItem

OVERWRITTEN = "overwritten"  # outcome of an entry about values that our write replaced unseen
PLATFORM = "platform"  # who changed a field, when it was not a CRM
# The work item itself shows these. Whatever else was decided is an entry of the history.
NOT_KEPT = UNDECIDED | {Outcome.UNCHANGED, Outcome.SKIPPED, Outcome.FAILED, Outcome.ERASED}
# What a sweep may find that no event had reported.
CHANGES = {Outcome.CREATED, Outcome.LINKED, Outcome.UPDATED, Outcome.PUSHED, Outcome.UNLINKED, Outcome.ERASED}


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: what was concluded on which pair, by whom, and which values replaced which."""

    tenant_id: str
    lead_id: str
    outcome: str
    at: datetime
    actor: str
    integration_id: str = ""
    record_id: str = ""
    reason: str = ""
    event_source: str = ""
    fields: Mapping[str, FieldChange] = field(default_factory=dict)
    decision_id: str = ""  # given when it is stored


def entries_of(decided: Iterable[tuple[WorkItem, Decision]], now: datetime) -> list[Entry]:
    """The entries of some decisions: what was found to have been overwritten, and what was concluded."""
    entries = []
    for work_item, decision in decided:
        if overwritten := _newly_overwritten(decision, work_item.integration_id):
            entries.append(_entry(work_item, decision, OVERWRITTEN, overwritten, now))
        if decision.outcome not in NOT_KEPT and not decision.repeated:
            entries.append(_entry(work_item, decision, decision.outcome.value, decision.fields, now))
    return entries


def _entry(
    work_item: WorkItem, decision: Decision, outcome: str, fields: Mapping[str, FieldChange], now: datetime
) -> Entry:
    return Entry(
        work_item.tenant_id,
        decision.lead_id,
        outcome,
        now,
        actor=work_item.notes.chooser or work_item.integration_id,
        integration_id=work_item.integration_id,
        record_id=decision.record_id,
        reason=decision.reason,
        event_source=work_item.notes.event_source,
        fields=fields,
    )


def _newly_overwritten(decision: Decision, integration_id: str) -> dict[str, FieldChange]:
    """Values that our last write replaced unseen. The link holds only the last one of a field, the history all (L2)."""
    before = decision.before.link(integration_id) if decision.before else None
    after = decision.lead.link(integration_id) if decision.lead else None
    if before is None or after is None:
        return {}
    written = {name: base.platform for name, base in before.base.items()}
    return {
        name: FieldChange("crm", found.value, written.get(name, ""), "our write replaced it before it was read")
        for name, found in after.overwritten.items()
        if found != before.overwritten.get(name)
    }


def counts_of(decided: Iterable[tuple[WorkItem, Decision]]) -> Counter[str]:
    """By how much some decisions move the counters of their integration."""
    counts: Counter[str] = Counter()
    for work_item, decision in decided:
        counts.update(decision.counts)
        no_event = work_item.swept and work_item.version == work_item.claimed_version and not decision.repeated
        counts["found_by_sweep"] += no_event and decision.outcome in CHANGES
        is_decided = decision.outcome not in UNDECIDED and decision.next_step is not NextStep.KEEP
        counts["decided"] += is_decided and not decision.repeated
    return counts
