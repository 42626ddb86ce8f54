"""What the doctor says about the standing loops of an integration. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from crm_connector.domain.integration import Integration
from crm_connector.domain.loops import Loop, LoopState
from crm_connector.usecases.check import FIXES, Check, CheckState

_FAILED_AFTER = timedelta(minutes=15)  # until then an outage of the CRM may be over by itself
_SWEEPS_MISSED = 3
_FIX = "Correct what the error says. If it says too little, look for its reason in crm-connector's log."
_WHAT = {
    Loop.SWEEP: "The sweep",
    Loop.ARCHIVE_PASS: "The search for removed records",
    Loop.STREAM: "Reading the stream of events",
    Loop.SUBSCRIPTION_RENEWAL: "Renewing the subscription",
    Loop.TOKEN_REFRESH: "Renewing the access token",
    Loop.SETTINGS: "Publishing the settings to lead-store",
}


def loop_checks(
    integration: Integration, states: Sequence[LoopState], now: datetime, sweep_seconds: float
) -> list[Check]:
    """Check each loop that has run: a warning at its first failure, failed once it has been failing for a while.

    A sweep that should have run and has not is a warning too.
    """
    found = {state.loop: _check(state, now) for state in states}
    swept = next((state for state in states if state.loop is Loop.SWEEP), LoopState(Loop.SWEEP))
    late = max(_FAILED_AFTER, timedelta(seconds=_SWEEPS_MISSED * sweep_seconds))
    is_late = now - (swept.succeeded_at or integration.created_at) > late
    if integration.reads_crm and not integration.paused and is_late and not swept.failing_since:
        fix = "See whether crm-connector runs. A first sweep of a large account may take longer."
        finding = f"{_WHAT[Loop.SWEEP]} has not been complete lately. {_last_success(swept)}"
        found[Loop.SWEEP] = Check(Loop.SWEEP.value, CheckState.WARNING, finding, fix)
    return [found[loop] for loop in Loop if loop in found]


def _check(state: LoopState, now: datetime) -> Check:
    name, what = state.loop.value, _WHAT[state.loop]
    if state.failing_since is None:
        error = f" The last error was at {_at(state.failed_at)}: {state.reason}." if state.failed_at else ""
        return Check(name, CheckState.OK, f"{what} works. {_last_success(state)}{error}")
    failed = now - state.failing_since >= _FAILED_AFTER
    finding = (
        f"{what} has been failing since {_at(state.failing_since)}, the last time at {_at(state.failed_at)} with"
        f" {state.reason}: {state.message} {_last_success(state)}"
    )
    fix = FIXES.get(state.reason, _FIX)
    return Check(name, CheckState.FAILED if failed else CheckState.WARNING, finding, fix, state.reason)


def _last_success(state: LoopState) -> str:
    return f"It last succeeded at {_at(state.succeeded_at)}." if state.succeeded_at else "It has never succeeded."


def _at(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC" if moment else "an unknown time"
