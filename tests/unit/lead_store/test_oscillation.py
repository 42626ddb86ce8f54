"""Oscillation: only a field that really goes back and forth is paused."""

from datetime import UTC, datetime, timedelta

from lead_store.domain.merge import Base, Plan
from lead_store.domain.oscillation import MOST_TURNS, Oscillation, first_pause_ends, hold_oscillating
from lead_store.domain.retry import PRODUCTION
from lead_store.domain.rules import Reading, Version

T0 = datetime(2026, 1, 1, tzinfo=UTC)
WORKFLOW = {"phone": Reading("x", "x", (Version("x", "x", T0, ours=False, source="WORKFLOW:7"),))}


def step(
    oscillations: dict[str, Oscillation], value: str, replaced: str, at: datetime, base: str | None = None
) -> tuple[dict[str, Oscillation], bool]:
    """Plan to set the phone; answers how it has been moving, and whether the step was let through."""
    plan = Plan(base={"phone": Base(value, value)}, to_lead={"phone": value, "company": "c"})
    plan.replaced, plan.because = {"phone": replaced, "company": ""}, {"phone": "", "company": ""}
    agreed = replaced if base is None else base
    readings = WORKFLOW | {"company": WORKFLOW["phone"]}
    after = hold_oscillating(plan, {"phone": Base(agreed, agreed)}, oscillations, readings, at, PRODUCTION)
    assert plan.to_lead["company"] == "c"
    return after, "phone" in plan.to_lead


def back_and_forth(
    turns: int, apart: timedelta = timedelta(seconds=10)
) -> tuple[dict[str, Oscillation], list[bool], datetime]:
    """Let a field go back and forth."""
    oscillations, let, at = dict[str, Oscillation](), list[bool](), T0
    for n in range(turns + 1):
        at = T0 + n * apart
        oscillations, through = step(oscillations, *(("a", "b") if n % 2 == 0 else ("b", "a")), at)
        let.append(through)
    return oscillations, let, at


def test_a_field_that_goes_back_and_forth_is_paused_and_names_the_other_writer() -> None:
    """After enough turns the step is held back, the base stays, and history names the other writer."""
    oscillations, let, at = back_and_forth(MOST_TURNS)
    assert let == [True] * MOST_TURNS + [False]
    assert oscillations["phone"].writer == "WORKFLOW:7"
    assert first_pause_ends(oscillations, at) == at + PRODUCTION.pause


def test_different_values_are_no_oscillation() -> None:
    """However often a field changes, it is paused only if it keeps returning to an earlier value."""
    oscillations = dict[str, Oscillation]()
    for n in range(50):
        oscillations, through = step(oscillations, str(n + 1), str(n), T0 + timedelta(seconds=n))
        assert through


def test_slow_changes_are_no_oscillation() -> None:
    """Turns further apart than the window are people who change their minds."""
    _, let, _ = back_and_forth(4 * MOST_TURNS, PRODUCTION.oscillation_window + timedelta(seconds=1))
    assert all(let)


def test_the_field_goes_on_after_its_pause() -> None:
    """A pause does not become longer by looking again; after it the same step is let through."""
    oscillations, _, at = back_and_forth(MOST_TURNS)
    value, replaced = oscillations["phone"].value, oscillations["phone"].replaced
    oscillations, through = step(oscillations, value, replaced, at + PRODUCTION.pause / 2)
    assert not through
    _, through = step(oscillations, value, replaced, at + PRODUCTION.pause)
    assert through


def test_a_value_that_is_undone_again_and_again_is_paused() -> None:
    """Setting the same value over and over counts when it was there and the other side put its own back."""
    oscillations, through = dict[str, Oscillation](), True
    for n in range(MOST_TURNS + 1):
        assert through
        oscillations, through = step(oscillations, "a", "", T0 + timedelta(seconds=n), base="" if n == 0 else "a")
    assert not through


def test_a_step_that_is_tried_again_is_no_turn() -> None:
    """A write that could not be sent and is planned again counts for nothing."""
    oscillations = dict[str, Oscillation]()
    for n in range(50):
        oscillations, through = step(oscillations, "a", "b", T0 + timedelta(seconds=n), base="b")
        assert through
