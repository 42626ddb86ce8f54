"""What the log says of decisions, in the words that operators look for. No values of people's fields."""

from collections.abc import Iterable

import structlog

from lead_store.domain.decision import Decision, LeaseEnd, Outcome
from lead_store.domain.work_item import WorkItem

log = structlog.get_logger()


def tell(decided: Iterable[tuple[WorkItem | None, Decision]]) -> None:
    """Log what became of each work item; nothing for work items on which there was nothing to do."""
    for work_item, decision in decided:
        if work_item is not None:
            _tell(work_item, decision)


def _tell(work_item: WorkItem, decision: Decision) -> None:
    record = decision.record_id or work_item.record_id
    words = log.bind(tenant_id=work_item.tenant_id, integration_id=work_item.integration_id, record_id=record)
    if decision.skipped:
        words.info(f"Skipping contact {record} - originated from our platform")
    match decision.outcome:
        case Outcome.CREATED:
            words.info(f"Creating new lead from {_display(decision)} contact {record}")
            words.info(f"Lead created: {decision.lead_id}")
        case Outcome.LINKED | Outcome.UPDATED:
            words.info(f"Lead {'linked' if decision.outcome is Outcome.LINKED else 'updated'}: {decision.lead_id}")
        case Outcome.UNLINKED:
            words.info(f"Lead unlinked: {decision.lead_id}", reason=decision.reason)
        case Outcome.ERASED:
            words.info(f"Lead erased: {decision.lead_id}")
        case Outcome.SETTLED:
            words.info(f"Lead synced: {decision.lead_id}")
        case Outcome.SKIPPED if not decision.skipped:
            words.info(f"Skipping contact {record} - {decision.reason}")
        case Outcome.REFUSED:
            words.warning(f"Failed to write lead {decision.lead_id}: {decision.reason}")
    if decision.end is LeaseEnd.FAILED and decision.outcome is Outcome.FAILED:
        what = "creation" if work_item.notes.created else "update"
        words.warning(f"Failed to handle contact {what}: {decision.reason}")


def _display(decision: Decision) -> str:
    """The provider's name as people write it."""
    provider = decision.lead.metadata.source_system if decision.lead else ""
    return {"hubspot": "HubSpot"}.get(provider, provider.capitalize())
