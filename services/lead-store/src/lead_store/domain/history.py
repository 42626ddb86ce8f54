"""What is kept of decisions: entries of a lead's history, and the statistics of an integration."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from lead_store.domain.decision import UNDECIDED, Decision, FieldChange, NextStep, Outcome
from lead_store.domain.work_item import WorkItem

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
    """The entries of some decisions."""
    return [
        Entry(
            work_item.tenant_id,
            decision.lead_id,
            decision.outcome.value,
            now,
            actor=work_item.notes.chooser or work_item.integration_id,
            integration_id=work_item.integration_id,
            record_id=decision.record_id,
            reason=decision.reason,
            event_source=work_item.notes.event_source,
            fields=decision.fields,
        )
        for work_item, decision in decided
        if decision.outcome not in NOT_KEPT and not decision.repeated
    ]


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
