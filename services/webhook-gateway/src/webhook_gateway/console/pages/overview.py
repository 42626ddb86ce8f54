"""The overview: one true sentence for each integration, and what waits for people."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from starlette.responses import Response

from webhook_gateway.console.rendering import render, seconds
from webhook_gateway.console.routes import page
from webhook_gateway.console.visit import Visit
from webhook_gateway.problem import Problem
from webhook_gateway.resources.basics import Paging
from webhook_gateway.resources.integrations import Integration, Integrations
from webhook_gateway.resources.loops import LoopState
from webhook_gateway.resources.sync_status import OfIntegration, SyncStatus, SyncStatuses

MOST_SHOWN = 20
LATE = timedelta(minutes=2)  # work that waits for longer is told


@dataclass(frozen=True, slots=True)
class Health:
    """How an integration fares, in one sentence. `state` is good, warn or bad; `link` leads to what to do."""

    state: str
    sentence: str
    link: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """One integration on the overview. Without a status, `problem` says why."""

    integration: Integration
    health: Health
    status: SyncStatus | None


class OverviewPages:
    """The first page."""

    @page("/")
    async def overview(self, visit: Visit) -> Response:
        """Show all integrations of the tenant."""
        found = await visit.call(Integrations.list_integrations, query=Paging(page_size=MOST_SHOWN))
        cards = await asyncio.gather(*(self._card(visit, one) for one in found.integrations))
        return render(visit, "overview.html", {"title": "Overview", "cards": cards, "more": found.next_page_token})

    async def _card(self, visit: Visit, integration: Integration) -> Card:
        try:
            query = OfIntegration(integration_id=integration.integration_id)
            status = await visit.call(SyncStatuses.sync_status, query=query)
        except Problem as problem:
            return Card(integration, Health("bad", f"Its state is not known: {problem.detail}."), None)
        return Card(integration, health_of(integration, status, datetime.now(UTC)), status)


def health_of(integration: Integration, status: SyncStatus, now: datetime) -> Health:
    """Say how an integration fares: the worst that is known first, and what waits for a person."""
    ref = integration.integration_id
    failing = [loop for loop in status.loops if loop.failing_since]
    if integration.paused:
        return Health("warn", "Paused: nothing is synced until it is resumed.", f"/ui/integrations/{ref}")
    if failing:
        return Health("bad", _failing(failing[0], now), f"/ui/integrations/{ref}/doctor")
    waiting = [
        *_count(status.failed_work, "record needs you", "records need you"),
        *_count(status.conflicts, "field waits for you", "fields wait for you"),
    ]
    if timedelta(seconds=status.oldest_pending_seconds) > LATE:
        late = f"{status.pending} due, the oldest for {seconds(status.oldest_pending_seconds)}"
        return Health("warn", _sentence("Behind", [late, *waiting]), f"/ui/work?integrationId={ref}&state=due")
    if status.failed_work:
        return Health("warn", _sentence("Running", waiting), f"/ui/work?integrationId={ref}&state=failed")
    if status.conflicts:
        return Health("warn", _sentence("Conflicts", waiting), f"/ui/conflicts?integrationId={ref}")
    if status.pending:
        return Health("good", f"Running: {status.pending} due now.")
    if status.runs:
        return Health("good", f"Running: {', '.join(run.kind for run in status.runs)} in progress.", "/ui/runs")
    return Health("good", "All in step.")


def _failing(loop: LoopState, now: datetime) -> str:
    since = f" for {seconds((now - loop.failing_since).total_seconds())}" if loop.failing_since else ""
    return f"{loop.name.replace('_', ' ').capitalize()} has been failing{since}: {loop.message or loop.reason}"


def _count(number: int, one: str, several: str) -> list[str]:
    return [f"{number} {one if number == 1 else several}"] if number else []


def _sentence(begin: str, parts: list[str]) -> str:
    return f"{begin}: {'; '.join(parts)}."
