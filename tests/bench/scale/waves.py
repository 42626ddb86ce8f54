"""A wave: events about every contact of every portal, sent to one or two gateways, until nothing is left to do."""

import random
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from hubspot_simulator.client import ControlClient
from pymongo.database import Database

from bench.load import Outcome, run_closed
from bench.rig import Rig
from bench.scale.portals import Portal

CONNECTIONS = 8  # to each gateway
EVENTS_PER_CONTACT, EVENTS_PER_POST = 5, 10
REPEATED = 20  # every so many-th POST is sent a second time, to the other gateway
LONGEST = 120.0  # seconds until all is decided
EPOCH = datetime.fromtimestamp(0, UTC)


class NotDoneError(Exception):
    """What was sent is not decided within the time."""


@dataclass(slots=True)
class Sent:
    """What was sent in a wave, and how it was answered."""

    began: datetime
    events: int = 0
    posts: int = 0
    repeated: int = 0
    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def refused(self) -> int:
        """POSTs that were not answered 200."""
        return sum(one.refused for one in self.outcomes)


def send(rig: Rig, portals: Sequence[Portal], gateways: Sequence[str], seed: int) -> Sent:
    """POST the events of all portals, shuffled, to the gateways by turns; some POSTs twice, to two gateways."""
    requests = [one for portal in portals for one in portal.requests(rig.url, EVENTS_PER_CONTACT, EVENTS_PER_POST)]
    random.Random(seed).shuffle(requests)
    shares = [requests[n :: len(gateways)] for n in range(len(gateways))]
    again = [shares[n - 1][::REPEATED] if len(shares) > 1 else [] for n in range(len(shares))]
    sent = Sent(datetime.now(UTC), len(requests) * EVENTS_PER_POST, len(requests), sum(map(len, again)))

    def post(name: str, mine: Sequence[bytes]) -> None:
        port = int(rig.parts[name].address.rpartition(":")[2])
        sent.outcomes.append(run_closed(port, mine, CONNECTIONS, LONGEST))

    senders = [
        threading.Thread(target=post, args=(name, [*mine, *more]))
        for name, mine, more in zip(gateways, shares, again, strict=True)
    ]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    return sent


def wait_decided(database: Database[dict[str, Any]]) -> dict[str, str]:
    """Wait until all deliveries are routed and no work item is due or leased.

    Returns for each integration the connector that was seen to work it.
    """
    end, workers = time.monotonic() + LONGEST, dict[str, str]()
    while database["deliveries"].find_one({"state": "new"}, {"_id": 1}) or database["work_items"].find_one(
        {"due_at": {"$gt": EPOCH}}, {"_id": 1}
    ):
        if time.monotonic() > end:
            raise NotDoneError(f"work is left after {LONGEST:g} s")
        workers |= {one["_id"]: one["worker"] for one in database["targets"].find({}, {"worker": 1}) if one["worker"]}
        time.sleep(0.2)
    return workers


def set_free(database: Database[dict[str, Any]]) -> None:
    """Let no connector keep an integration, as if none had had work for the time of a lease."""
    database["targets"].update_many({}, {"$set": {"worker": "", "worker_until": EPOCH}})


@contextmanager
def stopped(rig: Rig, name: str) -> Iterator[None]:
    """Let a process stand still inside the block."""
    rig.processes[name].send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        rig.processes[name].send_signal(signal.SIGCONT)


def readings(hubspot: ControlClient) -> tuple[int, int]:
    """Return the calls to HubSpot since the last reset, and the records that they asked for."""
    log = hubspot.call_log()
    return int(log["total"]), sum(call["inputs"] or 1 for call in log["log"])
