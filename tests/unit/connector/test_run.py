"""How far a run is and how fast: pure, the clock is an argument."""

from datetime import UTC, datetime, timedelta

import pytest
from crm_connector.domain.run import Run, RunKind, RunState

T0 = datetime(2026, 1, 1, tzinfo=UTC)


def after(seconds: float) -> datetime:
    """Seconds after the start."""
    return T0 + timedelta(seconds=seconds)


def a_run(kind: RunKind = RunKind.IMPORT, total: int = 1_000) -> Run:
    """A run that begins now."""
    return Run("run-1", "tenant-1", "int-1", kind, T0, total=total).begun(T0)


def test_the_rate_gives_a_forecast() -> None:
    """A tenth done in ten seconds: ten a second, and ninety seconds to go."""
    run = a_run().imported({"created": 90, "unchanged": 10}, 1, "101")

    assert run.rate(after(10)) == pytest.approx(10)
    assert run.forecast_at(after(10)) == after(100)
    assert (run.done, run.calls, run.position) == (100, 1, "101")


def test_nothing_is_forecast_that_is_not_known() -> None:
    """Without a total, at the start, and after the end there is no forecast."""
    page = {"created": 100}
    ended = a_run().imported(page, 1, "").ended(RunState.SUCCEEDED, after(10))

    assert a_run(total=0).imported(page, 1, "101").forecast_at(after(10)) is None
    assert a_run().forecast_at(after(10)) is None
    assert ended.forecast_at(after(20)) is None
    assert (ended.rate(after(1_000)), ended.total) == (10, 100)


def test_a_resumed_run_is_measured_anew() -> None:
    """An hour's rest does not spoil the rate, a short one counts."""
    run = a_run().imported({"created": 100}, 1, "101")

    short, resumed = run.begun(after(30)), run.begun(after(3_600))
    resumed = resumed.imported({"created": 50}, 1, "151")

    assert short.rate(after(50)) == pytest.approx(2)
    assert resumed.rate(after(3_605)) == pytest.approx(10)


def test_a_total_that_was_too_small_grows() -> None:
    """The search lags behind: more records than it said move the total, none at all leaves it unknown."""
    assert a_run(total=50).imported({"created": 100}, 1, "101").total == 100
    assert a_run(total=0).imported({"created": 100}, 1, "101").total == 0


def test_a_push_counts_what_it_handed_over() -> None:
    """Pushed is what was queued and is neither pending nor failed; leads that are gone are skipped."""
    run = a_run(RunKind.PUSH, total=0).handed(200, 198, "200").looked_at(150, 3)
    assert (run.outcomes, run.done, run.total) == ({"pushed": 45, "failed": 3, "skipped": 2}, 50, 0)

    run = run.handed(100, 100, "").looked_at(0, 3)
    assert (run.outcomes, run.done, run.total) == ({"pushed": 295, "failed": 3, "skipped": 2}, 300, 300)
    assert run.handed_over
