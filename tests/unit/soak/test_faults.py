"""The soak's schedule of faults."""

from collections import Counter
from itertools import pairwise

import pytest
from soak.faults import COMPONENTS, EVERYTHING, LINKS, REPLACED_AFTER, Kind, kill_loop, schedule


def test_the_same_seed_gives_the_same_schedule() -> None:
    """A run can be played again from its seed; another seed is another run."""
    assert schedule(7, 120) == schedule(7, 120)
    assert schedule(7, 120) != schedule(8, 120)


@pytest.mark.parametrize("seconds", [30, 120, 600])
def test_faults_lie_within_the_run_and_in_order(seconds: float) -> None:
    """Each fault begins before the run is over."""
    times = [fault.at for fault in schedule(1, seconds)]
    assert times == sorted(times)
    assert 0 < times[0] < times[-1] < seconds


def test_a_long_run_meets_everything() -> None:
    """Ten minutes kill and stop every process, fill the disk, turn every clock and disturb every link."""
    faults = [fault for seed in range(5) for fault in schedule(seed, 600)]
    kinds = Counter((fault.kind, fault.where) for fault in faults)
    assert all(kinds[Kind.KILL, component] > 5 for component in COMPONENTS)
    assert all(kinds[Kind.STOP, component] for component in COMPONENTS)
    assert any(fault.kind is Kind.STOP and fault.seconds == REPLACED_AFTER for fault in faults)
    assert kinds[Kind.FULL, EVERYTHING] > 5
    assert all(kinds[Kind.CLOCK, component] for component in COMPONENTS)
    assert {fault.amount > 0 for fault in faults if fault.kind is Kind.CLOCK} == {True, False}
    assert all(kinds[kind, link] for kind in (Kind.CUT, Kind.FREEZE, Kind.SLOW) for link in LINKS)


def test_of_two_processes_never_both_are_killed_at_a_time() -> None:
    """In a run with pairs, a lead-store has several seconds to come back before the other one is killed."""
    faults = kill_loop(3, 600)
    stores = [fault for fault in faults if fault.where.startswith("lead-store")]
    assert {fault.where for fault in stores} == {"lead-store", "lead-store-2"}
    assert all(later.at - one.at > 4 for one, later in pairwise(stores) if one.where != later.where)
    assert {fault.kind for fault in faults} == {Kind.KILL}
