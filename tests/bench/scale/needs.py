"""How many of each service a number of portals needs, by the measured costs and by assumptions that are named. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil

from bench.scale.arithmetic import Costs, Load
from bench.scale.looks import Look
from bench.scale.sizes import CollectionSize

DAY = 86_400


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What a portal is like, and how full a machine may be."""

    leads: int = 100_000  # of a portal
    changes: float = 1.0  # of a lead in thirty days
    peak: float = 5.0  # the busiest hour, as a multiple of the mean
    events: int = 3  # of a change
    busy: float = 0.6  # of what there is, at the peak
    call_seconds: float = 0.3  # of a call to HubSpot
    jobs: int = 8  # of a connector at the same time
    batching: float = 0.25  # seconds between two jobs of a portal
    sweep_seconds: float = 300.0
    looks: float = 2.0  # of a waiting connector in a second
    retention_days: int = 30  # of deliveries


@dataclass(frozen=True, slots=True)
class Needs:
    """What a number of portals needs at its peak. Numbers of processes, cores, calls in a second, bytes."""

    portals: int
    leads: int
    changes: float  # in a second, at the peak
    gateways: int
    lead_stores: int
    connectors: int
    connectors_by: str
    database_cores: float
    look_cores: float  # at the peak: every portal has a connector, and the others' looks pass over it
    idle_look_cores: float  # when none has work: every connector asks every portal
    lead_bytes: float
    yearly_bytes: float
    delivery_bytes: float


def needs(
    portals: int, costs: Costs, looks: Sequence[Look], sizes: Mapping[str, CollectionSize], given: Assumptions
) -> Needs:
    """Work out what so many portals need."""
    leads = portals * given.leads
    mean = leads * given.changes / 30 / DAY
    changes = mean * given.peak
    jobs = min(changes, portals / given.batching)  # while few records of a portal change, each is a job of its own
    scale = 1_000  # whole numbers of a thousand seconds
    load = Load(round(changes * given.events * scale), round(jobs * scale), round(changes * scale))
    cores = {name: cpu / scale / given.busy for name, cpu in costs.cpu(load).items()}
    by = {
        "processor time": cores["crm-connector"],
        "calls under way": jobs * given.call_seconds / given.jobs / given.busy,
        "sweeps": portals * given.call_seconds / given.sweep_seconds / given.busy,
    }
    reason = max(by, key=lambda name: by[name])
    connectors = max(1, ceil(by[reason]))
    look = max(looks, key=lambda one: one.integrations)
    passed, asked = (cpu / 1_000 / look.integrations * portals for cpu in (look.taken_cpu, look.cpu))
    at_peak = passed + max(asked - passed, 0.0) / connectors
    per_lead = sum(_whole(sizes[name]) for name in ("leads", "work_items", "identities"))
    return Needs(
        portals,
        leads,
        changes,
        max(1, ceil(cores["webhook-gateway"])),
        max(1, ceil(cores["lead-store"])),
        connectors,
        reason,
        cores["database"],
        at_peak * (jobs + given.looks * connectors) / given.busy,
        min(asked * given.looks, 1.0) * connectors,  # a connector has one look at a time
        leads * per_lead,
        mean * 365 * DAY * _whole(sizes["decisions"]),
        mean * given.events * given.retention_days * DAY * _whole(sizes["deliveries of 1 event"]),
    )


def _whole(one: CollectionSize) -> float:
    return one.bytes + one.index_bytes


def table(found: Sequence[Needs], given: Assumptions) -> list[str]:
    """The table as lines of a page."""
    rows = {
        "leads": [f"{one.leads / 1e6:g} M" for one in found],
        "changes/s at the peak": [f"{one.changes:.3g}" for one in found],
        "webhook-gateways": [f"{one.gateways}" for one in found],
        "lead-stores": [f"{one.lead_stores}" for one in found],
        "crm-connectors": [f"{one.connectors} ({one.connectors_by})" for one in found],
        "cores of the database": [_few(one.database_cores) for one in found],
        "cores for looks for work, on top, at the peak": [_few(one.look_cores) for one in found],
        "cores for looks while all portals are idle": [_few(one.idle_look_cores) for one in found],
        "leads, work items, identities": [_gigabytes(one.lead_bytes) for one in found],
        "decisions of a year": [_gigabytes(one.yearly_bytes) for one in found],
        f"deliveries of {given.retention_days} days": [_gigabytes(one.delivery_bytes) for one in found],
    }
    how = (
        f"The arithmetic of [Scaling](scaling.md) with these costs. A portal has {given.leads:,} leads; each changes "
        f"{given.changes:g} time in 30 days, with {given.events} events; the busiest hour has {given.peak:g} times the "
        f"mean. A process or core is {given.busy:.0%} busy then. A call to HubSpot takes {given.call_seconds:g} s. "
        "Each change is a job of its own, which is the dearest case. Sizes are before compression, indexes included."
    )
    return [
        "## How many of each",
        "",
        how,
        "",
        f"| portals | {' | '.join(f'{one.portals:,}' for one in found)} |",
        f"|---|{'---:|' * len(found)}",
        *(f"| {name} | {' | '.join(values)} |" for name, values in rows.items()),
        "",
    ]


def _few(number: float) -> str:
    return f"{number:,.0f}" if number >= 10 else f"{number:.2g}"


def _gigabytes(size: float) -> str:
    return f"{size / 1e9:,.1f} GB"
