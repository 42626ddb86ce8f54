"""A run: an import of all records, a push of leads, or an applied change of settings. Pure: the clock is an argument.

A dry run plans the same and changes nothing.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum
from types import MappingProxyType

from crm_connector.domain.forecast import Forecast
from crm_connector.domain.integration import Integration

# A run that was idle for longer than this counts as resumed: its rate counts from then.
IDLE = timedelta(seconds=60)


class RunKind(Enum):
    """What a run does."""

    IMPORT = "import"
    PUSH = "push"
    APPLY = "apply"


class RunState(Enum):
    """Where a run stands."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    CANCELLED = "cancelled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Run:
    """A run as it was after its last page. `position` is where the next page begins; `lead_ids` empty = all leads.

    A push or an apply counts the work items that it has `queued`, and is `handed_over` once its last page is. A dry run
    plans with the integration `proposed`, if there is one, and counts the `effects` and `calls_needed` of the real run.
    `reason` says why the run waits, or why it ended.
    """

    run_id: str
    tenant_id: str
    integration_id: str
    kind: RunKind
    created_at: datetime
    request_id: str = ""
    state: RunState = RunState.RUNNING
    total: int = 0
    done: int = 0
    outcomes: Mapping[str, int] = field(default_factory=dict)
    calls: int = 0
    position: str = ""
    lead_ids: tuple[str, ...] = ()
    queued: int = 0
    handed_over: bool = False
    worked_at: datetime | None = None
    resumed_at: datetime | None = None
    resumed_done: int = 0
    ended_at: datetime | None = None
    reason: str = ""
    dry_run: bool = False
    proposed: Integration | None = None
    reasons: Mapping[str, int] = field(default_factory=dict)
    effects: Mapping[str, int] = field(default_factory=dict)
    calls_needed: int = 0

    @property
    def fresh(self) -> bool:
        """Whether its first page is still to come."""
        return not (self.position or self.done or self.queued or self.handed_over)

    @property
    def hands_over(self) -> bool:
        """Whether other threads do its work, so that what has not begun has to be dropped when it is cancelled."""
        return self.kind is not RunKind.IMPORT and not self.dry_run

    def begun(self, now: datetime) -> "Run":
        """Note that a page begins; after a long pause the rate counts from here."""
        if self.resumed_at and self.worked_at and now - self.worked_at < IDLE:
            return replace(self, worked_at=now)
        return replace(self, worked_at=now, resumed_at=now, resumed_done=self.done)

    def imported(
        self, page: Mapping[str, int], calls: int, position: str, reasons: Mapping[str, int] = MappingProxyType({})
    ) -> "Run":
        """Add a page of records; its outcomes count each record once."""
        done = self.done + sum(page.values())
        total = max(self.total, done) if self.total else 0
        return replace(
            self,
            done=done,
            total=total,
            outcomes=_sum(self.outcomes, page),
            reasons=_sum(self.reasons, reasons),
            calls=self.calls + calls,
            position=position,
        )

    def planned(self, page: Forecast, calls: int, position: str) -> "Run":
        """Add a page of a dry run. The real run makes the calls that read the page too."""
        after = self.imported(page.outcomes, calls, position, page.reasons)
        needed = self.calls_needed + calls + page.further_calls
        return replace(after, effects=_sum(self.effects, page.effects), calls_needed=needed)

    def handed(self, leads: int, queued: int, position: str) -> "Run":
        """Add a page of leads, of which so many were queued; the others are no leads of the tenant any more."""
        skipped, queued = self.outcomes.get("skipped", 0) + leads - queued, self.queued + queued
        outcomes = {**self.outcomes, "skipped": skipped}
        reasons = {"lead_not_found": skipped} if skipped else {}
        total = self.total if position else skipped + queued
        after = replace(self, outcomes=outcomes, reasons=reasons, queued=queued, total=total, position=position)
        return replace(after, handed_over=not position)

    def looked_at(self, pending: int, failed: int) -> "Run":
        """Note how much of the queued work is still to do, and how much of it has failed."""
        skipped, name = self.outcomes.get("skipped", 0), "pushed" if self.kind is RunKind.PUSH else "applied"
        counted = {name: max(0, self.queued - pending - failed), "failed": failed, "skipped": skipped}
        return replace(self, done=skipped + max(0, self.queued - pending), outcomes=counted)

    def waiting(self, reason: str) -> "Run":
        """Note why it waits; empty = it does not wait."""
        return replace(self, reason=reason)

    def ended(self, state: RunState, now: datetime, reason: str = "") -> "Run":
        """End it. The total of a success is what was done."""
        total = self.done if state is RunState.SUCCEEDED else self.total
        return replace(self, state=state, ended_at=now, reason=reason, total=total)

    def rate(self, now: datetime) -> float:
        """Give the records or leads per second since the start or the last resumption; 0 = unknown."""
        seconds = ((self.ended_at or now) - self.resumed_at).total_seconds() if self.resumed_at else 0.0
        return (self.done - self.resumed_done) / seconds if seconds > 0 else 0.0

    def forecast_at(self, now: datetime) -> datetime | None:
        """Say when it will end at this rate; None if that is unknown, or if it has ended."""
        rate = self.rate(now)
        if self.state is not RunState.RUNNING or rate <= 0 or self.total <= self.done:
            return None
        return now + timedelta(seconds=(self.total - self.done) / rate)


def is_allowed(kind: RunKind, integration: Integration) -> bool:
    """Whether the integration's direction lets such a run do anything."""
    match kind:
        case RunKind.IMPORT:
            return integration.reads_crm
        case RunKind.PUSH:
            return integration.writes_crm
        case RunKind.APPLY:
            return True


def _sum(counted: Mapping[str, int], more: Mapping[str, int]) -> dict[str, int]:
    return dict(Counter(counted) + Counter(more))
