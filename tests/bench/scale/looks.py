"""What a look for work costs while no integration has any."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pymongo.database import Database

from bench.rig import Rig
from bench.store import StoreClient

LOOKS = 20
BETWEEN = 0.5  # seconds between two looks of a call that waits
IDLE_SECONDS = 5.0
ASKED = ("lead-store", "database")


@dataclass(frozen=True, slots=True)
class Look:
    """One look at so many integrations: milliseconds until its answer, processor milliseconds of both services."""

    integrations: int
    milliseconds: float
    cpu: float  # with its share of the round in which each integration is asked
    taken_cpu: float  # while others work all of them
    first_cpu: float  # the first look, which asks all of them


def measure_looks(
    rig: Rig, store: StoreClient, database: Database[dict[str, Any]], numbers: Sequence[int]
) -> list[Look]:
    """Add integrations that have nothing to do until there are so many, and look for work as a waiting call does."""
    known, found, idle = 1, list[Look](), _idle(rig)
    for wanted in numbers:
        for number in range(known, wanted):
            store.put_target(f"idle-{number}", f"{90_000_000 + number}")
        known = wanted
        time.sleep(BETWEEN)  # news of them come first
        _, first = _looks(rig, store, 1, 0.0, idle)
        took, cpu = _looks(rig, store, LOOKS, BETWEEN, idle)
        later = datetime.now(UTC) + timedelta(hours=1)
        database["targets"].update_many({}, {"$set": {"worker": "another", "worker_until": later}})
        _, taken = _looks(rig, store, LOOKS, 0.0, idle)
        database["targets"].update_many({}, {"$set": {"worker": "", "worker_until": datetime.fromtimestamp(0, UTC)}})
        found.append(Look(wanted, took, cpu, taken, first))
    return found


def _idle(rig: Rig) -> float:
    """The processor seconds that both take in a second without looks."""
    before, began = rig.cpu_seconds(*ASKED), time.perf_counter()
    time.sleep(IDLE_SECONDS)
    return (rig.cpu_seconds(*ASKED) - before) / (time.perf_counter() - began)


def _looks(rig: Rig, store: StoreClient, number: int, between: float, idle: float) -> tuple[float, float]:
    """The mean milliseconds of so many looks, and their mean processor milliseconds without those of an idle time."""
    before, began, took = rig.cpu_seconds(*ASKED), time.perf_counter(), 0.0
    for _ in range(number):
        asked = time.perf_counter()
        store.lease(wait_seconds=0)
        took += time.perf_counter() - asked
        time.sleep(between)
    spent = rig.cpu_seconds(*ASKED) - before - idle * (time.perf_counter() - began)
    return took * 1_000 / number, max(spent, 0.0) * 1_000 / number
