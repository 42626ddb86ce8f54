"""A field that goes back and forth between two values is left alone for a while.

Somebody, often a workflow in the CRM, keeps setting the value that the other side keeps replacing. Counted are the
turns of a field's value, not errors. Only that field pauses. It goes on by itself after the pause, or when a person
pushes the lead.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from lead_store.domain.merge import Base, Plan
from lead_store.domain.retry import Waits
from lead_store.domain.rules import Reading

MOST_TURNS = 6


@dataclass(frozen=True, slots=True)
class Oscillation:
    """How a field has been moving: its last value, the value before it, and how often it went straight back."""

    value: str
    replaced: str
    turns: int = 0
    since: datetime | None = None
    paused_until: datetime | None = None
    writer: str = ""  # who sets the other value, in the CRM's words, if its history was read

    def is_paused(self, now: datetime) -> bool:
        """Whether the field is left alone."""
        return self.paused_until is not None and now < self.paused_until


def hold_oscillating(
    plan: Plan,
    base: Mapping[str, Base],
    oscillations: Mapping[str, Oscillation],
    readings: Mapping[str, Reading],
    now: datetime,
    waits: Waits,
) -> dict[str, Oscillation]:
    """Take fields that oscillate out of a plan. Answers how every field has been moving."""
    moved = {name: (value, plan.replaced[name]) for name, value in {**plan.to_lead, **plan.to_crm}.items()}
    after = dict(oscillations)
    for name, (value, replaced) in moved.items():
        was_agreed = name in base and base[name].platform == value
        oscillation = _turn(oscillations.get(name), value, replaced, now, waits, was_agreed=was_agreed)
        if oscillation.is_paused(now):
            oscillation = replace(oscillation, writer=_writer(readings[name]) or oscillation.writer)
            _hold(plan, name, base)
        after[name] = oscillation
    return after


def first_pause_ends(oscillations: Mapping[str, Oscillation], now: datetime) -> datetime | None:
    """When the first of the paused fields goes on; None if no field is paused."""
    paused = (one.paused_until for one in oscillations.values() if one.paused_until and one.is_paused(now))
    return min(paused, default=None)


def _turn(
    oscillation: Oscillation | None, value: str, replaced: str, now: datetime, waits: Waits, *, was_agreed: bool
) -> Oscillation:
    """The movement of a field after it is to take `value` in place of `replaced`."""
    if oscillation is None or oscillation.since is None or now - oscillation.since > waits.oscillation_window:
        return Oscillation(value, replaced, since=now)
    again = (value, replaced) == (oscillation.value, oscillation.replaced)
    if again and oscillation.is_paused(now):
        return oscillation  # the same step is still wanted: neither side has moved, so the pause goes on
    went_back = (value, replaced) == (oscillation.replaced, oscillation.value)
    was_undone = again and was_agreed  # both sides had it, and the other one has put its own value back
    if went_back or was_undone:
        turns = oscillation.turns + 1
        return Oscillation(value, replaced, turns, now, now + waits.pause if turns >= MOST_TURNS else None)
    return oscillation if again else Oscillation(value, replaced, since=now)


def _writer(reading: Reading) -> str:
    return next((version.source for version in reading.versions if not version.ours), "")


def _hold(plan: Plan, name: str, base: Mapping[str, Base]) -> None:
    """Leave a field as it is on both sides."""
    for moved in (plan.to_lead, plan.to_crm, plan.replaced, plan.because):
        moved.pop(name, None)
    if name in base:
        plan.base[name] = base[name]
    else:
        plan.base.pop(name, None)
