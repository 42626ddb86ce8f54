"""Breadth first over all interleavings of a small world, with the shortest history to a broken law."""

import gc
import math
import time
from array import array
from collections import deque
from dataclasses import dataclass, field
from sys import intern

from proof.protocol.faults import faults
from proof.protocol.keys import Key, Numbers
from proof.protocol.laws import broken_law, end_of, unproven
from proof.protocol.steps import progress
from proof.protocol.world import Budget, Setup, World


@dataclass
class Result:
    """What a search found: number of states, the law broken and the shortest history to it, states at rest."""

    states: int
    law: str = ""
    history: list[str] = field(default_factory=list)
    ends: set[str] = field(default_factory=set)
    complete: bool = True  # False: the time was over before every state had been looked at


def search(setup: Setup, budget: Budget, until: float = math.inf) -> Result:
    """Look at every state that can be reached within the budget, until one breaks a law or the time is over.

    `until` is a moment of the monotonic clock.
    """
    gc.disable()  # states make no cycles, and looking for some takes a quarter of the time
    try:
        return _search(setup, budget, until)
    finally:
        gc.enable()


def _search(setup: Setup, budget: Budget, until: float) -> Result:
    targets, number = setup.targets(), Numbers(setup)
    root = setup.start(budget)
    came_from, by = array("i", [-1]), [""]
    known: dict[Key, int] = {number.state(root): 0}
    queue: deque[tuple[int, World]] = deque([(0, root)])
    ends: set[str] = set()
    at_rest, stepped_from, stepped_to = array("i"), array("i"), array("i")
    while queue:
        n, w = queue.popleft()
        if n % 1_000 == 0 and time.monotonic() > until:
            return Result(len(known), ends=ends, complete=False)
        steps = list(progress(setup, targets, w))
        if law := broken_law(setup, w, rests=not steps):
            return Result(len(known), law, _history(came_from, by, n))
        if not steps:
            if not unproven(w.lead):  # edits alone ask nobody about a write
                ends.add(end_of(setup, w))
            at_rest.append(n)
        for place, (label, after) in enumerate([*steps, *faults(setup, targets, w)]):
            reached = known.setdefault(number.state(after), len(by))
            if reached == len(by):
                queue.append((reached, after))
                came_from.append(n)
                by.append(intern(label))
            if place < len(steps):
                stepped_from.append(n)
                stepped_to.append(reached)
    restless = _restless(len(by), at_rest, stepped_from, stepped_to)
    if restless is not None:
        return Result(len(known), "L1: the work never comes to an end", _history(came_from, by, restless))
    return Result(len(known), ends=ends)


def _restless(states: int, at_rest: "array[int]", stepped_from: "array[int]", stepped_to: "array[int]") -> int | None:
    """The first state from which the system's own steps never lead to rest."""
    can_rest = bytearray(states)
    for n in at_rest:
        can_rest[n] = 1
    found = True
    while found:
        found = False
        for k in range(len(stepped_from) - 1, -1, -1):  # most steps lead to states that were found later
            if can_rest[stepped_to[k]] and not can_rest[stepped_from[k]]:
                can_rest[stepped_from[k]] = found = True
    first = can_rest.find(0)
    return first if first >= 0 else None


def _history(came_from: "array[int]", by: list[str], n: int) -> list[str]:
    path = []
    while n > 0:
        path.append(by[n])
        n = came_from[n]
    return path[::-1]
