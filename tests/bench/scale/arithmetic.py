"""The arithmetic of docs/scaling.md: what a load costs each service, and how long it takes. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Load:
    """How much there is to do."""

    events: int
    jobs: int  # batches of records of one portal, each read by one call
    readings: int  # of records: an event that comes while its record waits causes none of its own


@dataclass(frozen=True, slots=True)
class Costs:
    """Processor seconds by service: of an event, of a job, and of each record in it, read and decided.

    `idle` is what each process takes in a second in which nothing happens.
    """

    event: Mapping[str, float]
    job: Mapping[str, float]
    reading: Mapping[str, float]
    idle: Mapping[str, float] = field(default_factory=dict)

    def cpu(self, load: Load) -> dict[str, float]:
        """Processor seconds that a load takes of each service, all its processes together."""
        return {
            name: self.event.get(name, 0.0) * load.events
            + self.job.get(name, 0.0) * load.jobs
            + self.reading.get(name, 0.0) * load.readings
            for name in _names((self.event, self.job, self.reading))
        }

    def seconds(self, load: Load, processes: Mapping[str, int], cores: float, pace: float) -> tuple[float, str]:
        """How long a load takes at least, and what limits it.

        Each process keeps at most one core busy, and all of them together as many as there are. A connector begins a
        job every `pace` seconds, for it asks for them one after another.
        """
        cpu = self.cpu(load)
        limits = {name: needed / processes.get(name, 1) for name, needed in cpu.items()}
        limits["the pace of jobs"] = load.jobs * pace / processes.get("crm-connector", 1)
        idle = sum(cost * processes.get(name, 1) for name, cost in self.idle.items())
        limits["all cores"] = sum(cpu.values()) / max(cores - idle, cores / 10)
        longest = max(limits, key=lambda name: limits[name])
        return limits[longest], longest


@dataclass(frozen=True, slots=True)
class Spent:
    """Processor seconds by service that some jobs with their records took."""

    cpu: Mapping[str, float]
    jobs: int
    readings: int


def split(few: Spent, many: Spent) -> tuple[dict[str, float], dict[str, float]]:
    """Return what a job costs each service, and what a record in it costs: from jobs with few and with many records."""
    determinant = few.jobs * many.readings - many.jobs * few.readings
    if determinant <= 0:
        raise ValueError("the jobs must differ in how many records they have")
    job, reading = dict[str, float](), dict[str, float]()
    for name in _names((few.cpu, many.cpu)):
        a, b = few.cpu.get(name, 0.0), many.cpu.get(name, 0.0)
        job[name] = max(0.0, (a * many.readings - b * few.readings) / determinant)
        reading[name] = max(0.0, (few.jobs * b - many.jobs * a) / determinant)
    return job, reading


def _names(some: Iterable[Mapping[str, float]]) -> list[str]:
    return list(dict.fromkeys(name for one in some for name in one))
