"""Live changes beside a run that applies changed settings to every record."""

import threading
from typing import TYPE_CHECKING, Any

from bench.figures import Figure, Group, at_most, plain
from bench.load import Outcome

if TYPE_CHECKING:
    from bench.end_to_end import EndToEnd

Json = dict[str, Any]
OVER = {"succeeded", "failed", "cancelled"}
CHANGES_PER_SECOND = 10


def measure_applying(suite: "EndToEnd") -> Group:
    """Edit contacts at a fixed, low rate: alone, and while changed settings are applied; in turns."""
    alone, beside, lost, records = Outcome(), Outcome(), 0, 0
    turns = suite.lengths.turns
    for turn in range(turns):
        suite.quiet()
        times, missing = suite.edit_and_watch(CHANGES_PER_SECOND, suite.lengths.changes_beside_run)
        alone.times += times.times
        lost += missing
        suite.quiet()
        run = _Run(suite, turn)
        run.begin()
        times, missing = suite.edit_and_watch(CHANGES_PER_SECOND, until=run.over)
        run.join()
        beside.times += times.times
        lost += missing
        records += run.records
    ratio = beside.percentile(0.99) / alone.percentile(0.99)
    figures = (
        plain("change in HubSpot → lead, p99, alone", alone.percentile(0.99), "ms", alone.middle),
        plain("change in HubSpot → lead, p99, beside the run", beside.percentile(0.99), "ms", beside.middle),
        at_most("p99 beside the run as a multiple of p99 alone", ratio, 2, "×"),
        Figure("changes that never showed", f"{lost}", "0", lost == 0),
        plain("records that a run looked at", records / turns, "", f"the mean of {turns} runs"),
    )
    how = (
        f"People edit contacts, {CHANGES_PER_SECOND} a second, {turns} times alone and {turns} times for as long "
        "as a run applies changed settings to all records of their account, in turns. Everything runs on all cores."
    )
    return Group("Live changes while changed settings are applied", how, figures)


class _Run:
    """A run that applies changed settings, followed until it ends."""

    def __init__(self, suite: "EndToEnd", turn: int) -> None:
        self._suite = suite
        self._turn = turn
        self._thread = threading.Thread(target=self._follow)
        self._run_id = ""
        self.over = threading.Event()
        self.records = 0

    def begin(self) -> None:
        """Change a setting that concerns every record."""
        direction = ("from_crm", "bidirectional")[self._turn % 2]
        path = f"/crm-integration/{self._suite.integration_id}"
        answer = self._suite.api.patch(path, json={"fieldRules": {"phone": {"direction": direction}}})
        answer.raise_for_status()
        self._run_id = str(answer.json()["applyRun"]["runId"])
        self._thread.start()

    def join(self) -> None:
        """Wait until the run is over."""
        self._thread.join()

    def _follow(self) -> None:
        while not self.over.is_set():
            run: Json = self._suite.api.get(f"/crm-integration/runs/{self._run_id}").json()
            if run["state"] in OVER:
                self.records = int(run["done"])
                self.over.set()
            self.over.wait(0.2)
