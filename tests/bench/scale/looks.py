"""What a look for work costs while no integration has any: each is asked by itself."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench.rig import Rig
from bench.store import StoreClient

LOOKS = 3
ASKED = ("lead-store", "database")


@dataclass(frozen=True, slots=True)
class Look:
    """One look: integrations, milliseconds until its answer, and processor milliseconds of lead-store and database."""

    integrations: int
    milliseconds: float
    cpu: float


def measure_looks(rig: Rig, store: StoreClient, numbers: Sequence[int]) -> list[Look]:
    """Add integrations that have nothing to do until there are so many, and look for work."""
    known, found = 1, []
    for wanted in numbers:
        for number in range(known, wanted):
            store.put_target(f"idle-{number}", f"{90_000_000 + number}")
        known = wanted
        store.lease(wait_seconds=0)
        before, began = rig.cpu_seconds(*ASKED), time.perf_counter()
        for _ in range(LOOKS):
            store.lease(wait_seconds=0)
        took = (time.perf_counter() - began) * 1_000 / LOOKS
        found.append(Look(wanted, took, (rig.cpu_seconds(*ASKED) - before) * 1_000 / LOOKS))
    return found
