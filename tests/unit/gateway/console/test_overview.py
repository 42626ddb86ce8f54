"""The one sentence about an integration."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from webhook_gateway.console.pages.overview import health_of
from webhook_gateway.resources.integrations import Integration
from webhook_gateway.resources.loops import LoopState
from webhook_gateway.resources.policy import EffectiveDeletions, EffectiveMatching, EffectivePolicies
from webhook_gateway.resources.sync_status import FromCrm, SyncStatus, ToCrm

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
POLICIES = EffectivePolicies(EffectiveDeletions(), EffectiveMatching())
FAILING = LoopState("sweep", None, NOW, NOW - timedelta(minutes=3), "crm_unavailable", "HubSpot cannot be reached.")


def integration(*, paused: bool = False) -> Integration:
    """An integration."""
    return Integration("i", "hubspot", "1", None, None, "bidirectional", {}, {}, {}, POLICIES, paused, True, NOW)


def status(**more: Any) -> SyncStatus:
    """A status in which nothing is to do."""
    given: dict[str, Any] = {"pending": 0, "oldest_pending_seconds": 0, "conflicts": 0, "failed_work": 0, "loops": []}
    return SyncStatus(
        FromCrm(0, 0, 0, 0, 0, 0), ToCrm(0, 0), success_rate=None, total_received=0, last_received_at=None, runs=[],
        **(given | more),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("found", "state", "said"),
    [
        (status(), "good", "All in step."),
        (status(pending=4), "good", "Running: 4 due now."),
        (status(conflicts=1), "warn", "Conflicts: 1 field waits for you."),
        (status(failed_work=2, conflicts=3), "warn", "Running: 2 records need you; 3 fields wait for you."),
        (status(pending=9, oldest_pending_seconds=300), "warn", "Behind: 9 due, the oldest for 5 min."),
        (
            status(loops=[FAILING], failed_work=2),
            "bad",
            "Sweep has been failing for 3 min: HubSpot cannot be reached.",
        ),
    ],
)
def test_the_worst_is_said_first(found: SyncStatus, state: str, said: str) -> None:
    """What is broken comes before what is late, and that before what waits for a person."""
    health = health_of(integration(), found, NOW)
    assert (health.state, health.sentence) == (state, said)


def test_a_paused_integration_says_so() -> None:
    """Whatever else is the matter: nothing is synced."""
    assert health_of(integration(paused=True), status(loops=[FAILING]), NOW).sentence.startswith("Paused")
