"""A run: an import of all records or a push of leads, page by page. Pure: the clock is an argument."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum

from crm_connector.domain.integration import Integration

# A run that rested longer than this counts as resumed: its rate is measured anew.
RESTED = timedelta(seconds=60)


class RunKind(Enum):
    """What a run does."""

    IMPORT = "import"
    PUSH = "push"


class RunState(Enum):
    """Where a run stands."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    CANCELLED = "cancelled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Run:
    """A run as it was after its last page. `position` says where the next page begins; `lead_ids` empty = all leads.

    A push counts the lanes that it has `queued`, and is `handed_over` once its last page is.
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

    @property
    def fresh(self) -> bool:
        """Whether its first page is still to come."""
        return not (self.position or self.done or self.queued or self.handed_over)

    def begun(self, now: datetime) -> "Run":
        """Take up the work: after a long rest its rate counts from here."""
        if self.resumed_at and self.worked_at and now - self.worked_at < RESTED:
            return replace(self, worked_at=now)
        return replace(self, worked_at=now, resumed_at=now, resumed_done=self.done)

    def imported(self, page: Mapping[str, int], calls: int, position: str) -> "Run":
        """Take in a page of records; its outcomes count each record once."""
        done = self.done + sum(page.values())
        outcomes = dict(Counter(self.outcomes) + Counter(page))
        total = max(self.total, done) if self.total else 0
        return replace(self, done=done, total=total, outcomes=outcomes, calls=self.calls + calls, position=position)

    def handed(self, leads: int, queued: int, position: str) -> "Run":
        """Take in a page of leads, of which so many were queued; the others are no leads of the tenant any more."""
        skipped, queued = self.outcomes.get("skipped", 0) + leads - queued, self.queued + queued
        outcomes = {**self.outcomes, "skipped": skipped}
        total = self.total if position else skipped + queued
        return replace(self, outcomes=outcomes, queued=queued, total=total, position=position, handed_over=not position)

    def looked_at(self, pending: int, failed: int) -> "Run":
        """Take in how much of a push's queued work is still to do, and how much of it has failed."""
        skipped = self.outcomes.get("skipped", 0)
        counted = {"pushed": max(0, self.queued - pending - failed), "failed": failed, "skipped": skipped}
        return replace(self, done=skipped + max(0, self.queued - pending), outcomes=counted)

    def resting(self, reason: str) -> "Run":
        """Say why it waits; empty = it does not."""
        return replace(self, reason=reason)

    def ended(self, state: RunState, now: datetime, reason: str = "") -> "Run":
        """End it; a success was as long as it was."""
        total = self.done if state is RunState.SUCCEEDED else self.total
        return replace(self, state=state, ended_at=now, reason=reason, total=total)

    def rate(self, now: datetime) -> float:
        """Records or leads per second since the start or the last resumption; 0 = not known."""
        seconds = ((self.ended_at or now) - self.resumed_at).total_seconds() if self.resumed_at else 0.0
        return (self.done - self.resumed_done) / seconds if seconds > 0 else 0.0

    def forecast_at(self, now: datetime) -> datetime | None:
        """When it will end at this rate; None if unknown or ended."""
        rate = self.rate(now)
        if self.state is not RunState.RUNNING or rate <= 0 or self.total <= self.done:
            return None
        return now + timedelta(seconds=(self.total - self.done) / rate)


def is_allowed(kind: RunKind, integration: Integration) -> bool:
    """Whether the integration's direction lets such a run do anything."""
    return integration.reads_crm if kind is RunKind.IMPORT else integration.writes_crm
