"""The run: one of each service measures what work costs, then two of each have to behave as these costs predict."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from hubspot_simulator.client import ControlClient
from pymongo import MongoClient
from pymongo.database import Database

from bench.decisions import wait_routed
from bench.rig import Rig
from bench.scale.arithmetic import Costs, Load, Spent, split
from bench.scale.audit import Turns, differences, failed, turns
from bench.scale.portals import Portal, connect, edit, list_integrations
from bench.scale.usage import Used, connections, memory, used
from bench.scale.waves import Sent, readings, send, set_free, stopped, wait_decided
from bench.twins import PORTS, twin

INTAKE = ("webhook-gateway", "lead-store", "database")
DECIDING = ("lead-store", "crm-connector", "database", "simulator")
IDLE_SECONDS = 5.0
Store = Database[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Size:
    """How many portals, and how many contacts in the small ones and in the large one."""

    portals: int = 50
    small: int = 10
    large: int = 250

    @property
    def contacts(self) -> list[int]:
        """Contacts of each portal."""
        return [self.large, *[self.small] * (self.portals - 1)]


@dataclass(frozen=True, slots=True)
class Found:
    """All that was measured."""

    size: Size
    costs: Costs
    batch: float  # records of a job, on average, where the costs were measured
    pace: float  # seconds between two jobs of a connector that has enough of them
    load: Load
    wave: Used
    sent: Sent
    stored: int
    counted: int
    lost: int
    doubled: int
    failed: int
    writes: int
    turns: Turns
    workers: Mapping[str, str]
    connections: Mapping[tuple[str, str], int]
    memory: Mapping[str, float]


def measure(rig: Rig, size: Size) -> Found:
    """Connect the portals, find out the costs with one of each service, and let two of each work."""
    with ControlClient(rig.hubspot_url) as hubspot, MongoClient[dict[str, Any]](rig.mongo_url, tz_aware=True) as client:
        store = client["leadsync_lead_store"]
        say(f"connecting {size.portals} portals")
        portals = connect(rig, size.contacts)
        hubspot.set(delivery_delay_seconds=3_600)
        say(f"the first reading of {sum(size.contacts):,} contacts")
        send(rig, portals, ["webhook-gateway"], seed=1)
        wait_decided(store)
        say("what an event and a reading cost, with one of each service")
        edit(rig, portals, "First company")
        costs, batch, pace = _costs(rig, hubspot, store, portals)
        say("two of each service")
        rig.start(*(twin(name) for name in PORTS))
        edit(rig, portals, "Second company")
        set_free(store)
        for name in ("webhook-gateway", twin("webhook-gateway")):
            list_integrations(rig, name, portals[0])  # a channel connects at its first call
        before = store["deliveries"].count_documents({}), _received(store)
        hubspot.reset_calls()
        with used(rig) as wave:
            sent = send(rig, portals, ["webhook-gateway", twin("webhook-gateway")], seed=2)
            workers = wait_decided(store)
        calls, read = readings(hubspot)
        lost, doubled = differences(store, rig.hubspot_url, portals)
        return Found(
            size,
            costs,
            batch,
            pace,
            Load(sent.events, calls, read),
            wave,
            sent,
            store["deliveries"].count_documents({}) - before[0],
            _received(store) - before[1],
            lost,
            doubled,
            failed(store),
            hubspot.writes()["total"],
            turns(store, portals, portals[0], sent.began),
            workers,
            connections(rig),
            memory(rig),
        )


def _costs(rig: Rig, hubspot: ControlClient, store: Store, portals: list[Portal]) -> tuple[Costs, float, float]:
    """Let events be stored and routed while the connector stands still, and then let it work: many records, and few."""
    event, many, _ = _intake_and_jobs(rig, hubspot, store, portals, seed=3)
    edit(rig, alone := [replace(portal, contacts=portal.contacts[:1]) for portal in portals], "Another company")
    _, few, seconds = _intake_and_jobs(rig, hubspot, store, alone, seed=4)
    job, reading = split(few, many)
    with used(rig) as idle:
        time.sleep(IDLE_SECONDS)
    return (
        Costs(event, job, reading, {name: cpu / idle.seconds for name, cpu in idle.cpu.items()}),
        many.readings / many.jobs,
        seconds / few.jobs,
    )


def _intake_and_jobs(
    rig: Rig, hubspot: ControlClient, store: Store, portals: list[Portal], seed: int
) -> tuple[dict[str, float], Spent, float]:
    """Return the processor seconds of an event by service, those of all jobs that followed, and how long these took."""
    hubspot.reset_calls()
    with stopped(rig, "crm-connector"), used(rig) as intake:
        sent = send(rig, portals, ["webhook-gateway"], seed)
        wait_routed(store)
    with used(rig) as deciding:
        wait_decided(store)
    calls, read = readings(hubspot)
    event = {name: intake.cpu[name] / sent.events for name in INTAKE}
    return event, Spent({name: deciding.cpu[name] for name in DECIDING}, calls, read), deciding.seconds


def _received(store: Store) -> int:
    """Events that the counters of all integrations have counted."""
    return sum(int(one.get("total_received", 0)) for one in store["counters"].find({}))


def say(what: str) -> None:
    """Say what is measured."""
    print(f"bench-scale: {what}", flush=True)
