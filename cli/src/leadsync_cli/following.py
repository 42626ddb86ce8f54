"""Following a run until it ends: progress, rate, forecast and outcomes so far."""

import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from leadsync_cli.errors import CommandError, Exit
from leadsync_cli.gateway.client import Gateway, segment
from leadsync_cli.terminal import shown

RUNS = "/crm-integration/runs"
POLL_SECONDS = 0.5
PATIENCE_SECONDS = 60.0  # the run continues without the gateway, so a short absence of the gateway is no error

Run = dict[str, Any]


def follow(gateway: Gateway, run_id: str, *, quiet: bool) -> Run:
    """Return the run once it has ended, with a progress bar on stderr meanwhile.

    Raises CommandError: `interrupted` on Ctrl-C, while the run continues; `gateway_unreachable` after a minute.
    """
    run: Run = {}
    try:
        with _bar(quiet=quiet) as progress:
            task = progress.add_task("", total=None, count="", pace="", outcomes="")
            for run in _states(gateway, run_id):
                progress.update(task, **described(run))
    except KeyboardInterrupt:
        hint = f"`leadsync runs follow {run_id}` follows it again, `leadsync runs cancel {run_id}` cancels it."
        detail = f"Run {run_id} continues."
        raise CommandError("interrupted", detail, Exit.INTERRUPTED, hint) from None
    return run


def described(run: Run) -> dict[str, Any]:
    """Return what the progress bar shows."""
    total, done, ended = run.get("total") or None, run.get("done") or 0, run["state"] != "running"
    rate, forecast, outcomes = run.get("ratePerSecond"), run.get("forecastAt"), run.get("outcomes") or {}
    ending = f", done at {datetime.fromisoformat(forecast).astimezone():%H:%M:%S}" if forecast and not ended else ""
    return {
        "description": shown(f"{run['kind']} {run['state']}"),
        "total": total if total or not ended else max(done, 1),
        "completed": done if total or not ended else max(done, 1),
        "count": f"{done} of {total}" if total else str(done),
        "pace": f"{rate:.0f}/s{ending}" if rate else "",
        "outcomes": shown("  ".join(f"{name} {number}" for name, number in outcomes.items() if number)),
    }


def _states(gateway: Gateway, run_id: str) -> Iterator[Run]:
    """Yield the run, again and again, until it has ended."""
    answered_at = time.monotonic()
    while True:
        try:
            run = gateway.get(f"{RUNS}/{segment(run_id)}")
        except CommandError as error:
            if error.exit_code is not Exit.UNREACHABLE or time.monotonic() - answered_at > PATIENCE_SECONDS:
                raise
        else:
            answered_at = time.monotonic()
            yield run
            if run["state"] != "running":
                return
        time.sleep(POLL_SECONDS)


def _bar(*, quiet: bool) -> Progress:
    columns = ("task.description", "task.fields[count]", "task.fields[pace]", "task.fields[outcomes]")
    name, *more = (TextColumn(f"{{{column}}}", markup=False) for column in columns)
    return Progress(name, BarColumn(bar_width=30), *more, console=Console(stderr=True, highlight=False), disable=quiet)
