"""What the log says of decisions, in the words that operators look for. No values of people's fields."""

from collections.abc import Iterable

import structlog

from lead_store.domain.lane import Lane
from lead_store.domain.verdict import LaneEnd, Outcome, Verdict

log = structlog.get_logger()


def tell(decided: Iterable[tuple[Lane | None, Verdict]]) -> None:
    """Log what became of each lane; nothing for lanes on which there was nothing to do."""
    for lane, verdict in decided:
        if lane is not None:
            _tell(lane, verdict)


def _tell(lane: Lane, verdict: Verdict) -> None:
    record = verdict.record_id or lane.record_id
    words = log.bind(tenant_id=lane.tenant_id, integration_id=lane.integration_id, record_id=record)
    if verdict.skipped:
        words.info(f"Skipping contact {record} - originated from our platform")
    match verdict.outcome:
        case Outcome.CREATED:
            words.info(f"Creating new lead from {_display(verdict)} contact {record}")
            words.info(f"Lead created: {verdict.lead_id}")
        case Outcome.LINKED | Outcome.UPDATED:
            words.info(f"Lead {'linked' if verdict.outcome is Outcome.LINKED else 'updated'}: {verdict.lead_id}")
        case Outcome.UNLINKED:
            words.info(f"Lead unlinked: {verdict.lead_id}", reason=verdict.reason)
        case Outcome.ERASED:
            words.info(f"Lead erased: {verdict.lead_id}")
        case Outcome.SETTLED:
            words.info(f"Lead synced: {verdict.lead_id}")
        case Outcome.SKIPPED if not verdict.skipped:
            words.info(f"Skipping contact {record} - {verdict.reason}")
        case Outcome.REFUSED:
            words.warning(f"Failed to write lead {verdict.lead_id}: {verdict.reason}")
    if verdict.end is LaneEnd.FAILED and verdict.outcome is Outcome.FAILED:
        what = "creation" if lane.notes.created else "update"
        words.warning(f"Failed to handle contact {what}: {verdict.reason}")


def _display(verdict: Verdict) -> str:
    """The provider's name as people write it."""
    provider = verdict.lead.metadata.source_system if verdict.lead else ""
    return {"hubspot": "HubSpot"}.get(provider, provider.capitalize())
