"""What the log says of decisions, in the words that operators search for. It holds no values of people's fields."""

from collections.abc import Iterable

import structlog

from lead_store.domain.decision import Decision, NextStep, Outcome
from lead_store.domain.work_item import WorkItem

log = structlog.get_logger()


def log_decisions(decided: Iterable[tuple[WorkItem | None, Decision]]) -> None:
    """Log what was decided on each work item; nothing where nothing had to be done."""
    for work_item, decision in decided:
        if work_item is not None:
            _log(work_item, decision)


def _log(work_item: WorkItem, decision: Decision) -> None:
    record = decision.record_id or work_item.record_id
    line = log.bind(tenant_id=work_item.tenant_id, integration_id=work_item.integration_id, record_id=record)
    if decision.skipped:
        line.info(f"Skipping contact {record} - originated from our platform")
    match decision.outcome:
        case Outcome.CREATED:
            line.info(f"Creating new lead from {decision.crm} contact {record}")
            line.info(f"Lead created: {decision.lead_id}")
        case Outcome.LINKED | Outcome.UPDATED:
            line.info(f"Lead {'linked' if decision.outcome is Outcome.LINKED else 'updated'}: {decision.lead_id}")
        case Outcome.UNLINKED:
            line.info(f"Lead unlinked: {decision.lead_id}", reason=decision.reason)
        case Outcome.ERASED:
            line.info(f"Lead erased: {decision.lead_id}")
        case Outcome.SETTLED:
            line.info(f"Lead synced: {decision.lead_id}")
        case Outcome.SKIPPED if not decision.skipped:
            line.info(f"Skipping contact {record} - {decision.reason}")
        case Outcome.REFUSED:
            line.warning(f"Failed to write lead {decision.lead_id}: {decision.reason}")
    if decision.next_step is NextStep.FAILED and decision.outcome is Outcome.FAILED:
        what = "creation" if work_item.notes.created else "update"
        line.warning(f"Failed to handle contact {what}: {decision.reason}")
