"""The ping-pong breaker: a field that goes back and forth between two values is left alone for a while.

It counts alternations of a field's value, not errors: somebody, often a workflow in the CRM, keeps setting what the
other side keeps replacing. Only that field rests; it goes on by itself after a quiet period, or when a person pushes
the lead.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from lead_store.domain.merge import Base, Plan
from lead_store.domain.rules import Reading

MOST_TURNS = 6
WINDOW = timedelta(hours=1)  # turns further apart than this are no ping-pong
QUIET = timedelta(hours=1)  # how long a field rests after its last turn


@dataclass(frozen=True, slots=True)
class Oscillation:
    """How a field has been moving: its last value, the one that gave way, and how often it went straight back."""

    value: str
    replaced: str
    turns: int = 0
    since: datetime | None = None
    paused_at: datetime | None = None
    writer: str = ""  # who sets the other value, in the CRM's words, if its history was read

    def rests(self, now: datetime) -> bool:
        """Whether the field is left alone."""
        return self.paused_at is not None and now < self.paused_at + QUIET


def hold_oscillating(
    plan: Plan,
    base: Mapping[str, Base],
    oscillations: Mapping[str, Oscillation],
    readings: Mapping[str, Reading],
    now: datetime,
) -> dict[str, Oscillation]:
    """Take fields that ping-pong out of a plan; answers how all fields have been moving."""
    moved = {name: (value, plan.replaced[name]) for name, value in {**plan.to_lead, **plan.to_crm}.items()}
    after = dict(oscillations)
    for name, (value, replaced) in moved.items():
        was_agreed = name in base and base[name].platform == value
        oscillation = _turn(oscillations.get(name), value, replaced, now, was_agreed=was_agreed)
        if oscillation.rests(now):
            oscillation = replace(oscillation, writer=_writer(readings[name]) or oscillation.writer)
            _hold(plan, name, base)
        after[name] = oscillation
    return after


def resting(oscillations: Mapping[str, Oscillation], now: datetime) -> datetime | None:
    """When the first of the fields that rest goes on; None if none rests."""
    return min(
        (
            oscillation.paused_at + QUIET
            for oscillation in oscillations.values()
            if oscillation.paused_at and oscillation.rests(now)
        ),
        default=None,
    )


def _turn(
    oscillation: Oscillation | None, value: str, replaced: str, now: datetime, *, was_agreed: bool
) -> Oscillation:
    if oscillation is None or oscillation.since is None or now - oscillation.since > WINDOW:
        return Oscillation(value, replaced, since=now)
    again = (value, replaced) == (oscillation.value, oscillation.replaced)
    if again and oscillation.rests(now):
        return oscillation  # the same step is still wanted: nobody has moved, so the rest goes on
    went_back = (value, replaced) == (oscillation.replaced, oscillation.value)
    was_undone = again and was_agreed  # both sides had it, and the other one has put its own value back
    if went_back or was_undone:
        turns = oscillation.turns + 1
        return Oscillation(value, replaced, turns, now, now if turns >= MOST_TURNS else None)
    return oscillation if again else Oscillation(value, replaced, since=now)


def _writer(reading: Reading) -> str:
    return next((version.source for version in reading.versions if not version.ours), "")


def _hold(plan: Plan, name: str, base: Mapping[str, Base]) -> None:
    for moved in (plan.to_lead, plan.to_crm, plan.replaced, plan.because):
        moved.pop(name, None)
    if name in base:
        plan.base[name] = base[name]
    else:
        plan.base.pop(name, None)
