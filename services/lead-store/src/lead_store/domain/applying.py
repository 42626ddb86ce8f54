"""Applying changed settings: all work items of the integration become due, a part at a time (R19).

The parts are small, since looking for due work takes longer the more work items are due.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

AT_ONCE = 100  # work items that become due together: enough for a batch, and soon done


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run has come: work items in all, work items still to be made due, and the last one that was."""

    integration_id: str
    run_id: str
    queued: int
    left: int
    after: str | None  # None = nothing is left


def started(integration_id: str, run_id: str, work_items: int) -> Progress:
    """A run over so many work items. It takes the place of one that is under way, since it does all of that one's."""
    return Progress(integration_id, run_id, work_items, work_items, "")


def moved_on(run: Progress, part: Sequence[str]) -> Progress:
    """The run after this part, in the order of ids. A part that is not full was the last one."""
    if len(part) < AT_ONCE:
        return replace(run, left=0, after=None)
    return replace(run, left=max(0, run.left - len(part)), after=part[-1])
