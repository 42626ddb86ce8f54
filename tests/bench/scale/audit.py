"""What a wave left: whether everything is there, once, and whether all portals had their turns."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import mean, median
from typing import Any

from hubspot_simulator.client import ControlClient
from pymongo.database import Database

from bench.scale.portals import Portal

Store = Database[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Turns:
    """How long records waited for their decision, from the begin of a wave, in seconds."""

    small: tuple[float, ...]  # of each small portal, the mean
    large: float  # of the large one, the mean
    last_small: tuple[float, ...]  # until the last record of each small portal

    @property
    def evenness(self) -> float:
        """Jain's index over the small portals: 1 = all waited equally long, 1/n = one waited for all others."""
        return sum(self.small) ** 2 / (len(self.small) * sum(one * one for one in self.small))

    @property
    def mean_small(self) -> float:
        """Mean of the small portals."""
        return mean(self.small)

    @property
    def slowest(self) -> float:
        """How many times as long as the median small portal the slowest one took."""
        return max(self.last_small) / median(self.last_small)


def differences(store: Store, hubspot_url: str, portals: Sequence[Portal]) -> tuple[int, int]:
    """Count contacts without a lead of the same company, and leads too many."""
    lost = doubled = 0
    for portal in portals:
        with ControlClient(hubspot_url, portal_id=portal.number) as hubspot:
            wanted = {str(one["id"]): one["properties"]["company"] for one in hubspot.contacts()}
        leads = list(store["leads"].find({"tenant_id": portal.tenant}, {"values": 1, "links": 1}))
        linked = Counter(link["record_id"] for lead in leads for link in lead["links"])
        equal = {
            link["record_id"]
            for lead in leads
            for link in lead["links"]
            if wanted.get(link["record_id"]) == lead["values"].get("company")
        }
        lost += len(wanted.keys() - equal)
        doubled += max(0, len(leads) - len(wanted)) + sum(many - 1 for many in linked.values())
    return lost, doubled


def failed(store: Store) -> int:
    """Count work items that wait for a person."""
    return store["work_items"].count_documents({"failed_at": {"$type": "date"}})


def turns(store: Store, portals: Sequence[Portal], large: Portal, began: datetime) -> Turns:
    """Read from the work items when each was decided."""
    waits: dict[str, list[float]] = {}
    found = store["work_items"].find({"decided_at": {"$gte": began}}, {"integration_id": 1, "decided_at": 1})
    for one in found:
        waits.setdefault(one["integration_id"], []).append((one["decided_at"] - began).total_seconds())
    small = [waits[portal.integration_id] for portal in portals if portal is not large]
    return Turns(tuple(map(mean, small)), mean(waits[large.integration_id]), tuple(max(one) for one in small))
