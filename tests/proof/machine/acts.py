"""Everything that may happen, as data: a history is a list of these, and its repr can be pasted into a test."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from hubspot_simulator.core.errors import ApiError
from proof.machine.config import PROPERTIES, TENANTS
from proof.machine.faults import Died, Fault
from proof.machine.world import World
from pymongo.errors import PyMongoError


class Act(Protocol):
    """One thing that happens."""

    def do(self, world: World) -> None:
        """Let it happen. What is not possible just now does nothing."""
        ...


@dataclass(frozen=True)
class CreateLead:
    """A person makes a lead on the platform."""

    tenant: int
    first_name: int
    email: int
    phone: int

    def do(self, world: World) -> None:
        """Make it."""
        tenant = TENANTS[self.tenant]
        numbers = {"first_name": self.first_name, "email": self.email, "phone": self.phone, "company": 1}
        values = {name: world.value(tenant, name, number) for name, number in numbers.items()}
        world.create_lead(tenant, {name: value for name, value in values.items() if value})


@dataclass(frozen=True)
class EditLead:
    """A person sets a field of a lead."""

    tenant: int
    which: int
    field: str
    value: int

    def do(self, world: World) -> None:
        """Set it."""
        tenant = TENANTS[self.tenant]
        if lead := world.lead(tenant, self.which):
            world.edit_lead(tenant, lead, self.field, world.value(tenant, self.field, self.value))


@dataclass(frozen=True)
class OnLead:
    """A person deletes or pushes a lead."""

    what: str
    tenant: int
    which: int

    def do(self, world: World) -> None:
        """Do it."""
        tenant = TENANTS[self.tenant]
        if lead := world.lead(tenant, self.which):
            {"delete": world.delete_lead, "push": world.push}[self.what](tenant, lead)


@dataclass(frozen=True)
class Resolve:
    """A person settles a conflict."""

    tenant: int
    which: int
    ours: bool

    def do(self, world: World) -> None:
        """Settle it."""
        world.resolve(TENANTS[self.tenant], self.which, ours=self.ours)


@dataclass(frozen=True)
class Redrive:
    """A person has failed work tried again."""

    tenant: int

    def do(self, world: World) -> None:
        """Ask for it."""
        world.redrive(TENANTS[self.tenant])


@dataclass(frozen=True)
class CreateRecord:
    """A person makes a contact in the CRM."""

    tenant: int
    first_name: int
    email: int
    phone: int

    def do(self, world: World) -> None:
        """Make it, unless the CRM refuses."""
        tenant = TENANTS[self.tenant]
        numbers = {"first_name": self.first_name, "email": self.email, "phone": self.phone, "company": 1}
        values = {PROPERTIES[name]: world.value(tenant, name, number) for name, number in numbers.items()}
        with suppress(ApiError):
            world.ledger.new_record(tenant, world.hub.create(tenant, values))


@dataclass(frozen=True)
class EditRecord:
    """A person sets a property of a contact."""

    tenant: int
    which: int
    field: str
    value: int

    def do(self, world: World) -> None:
        """Set it, unless the CRM refuses."""
        tenant = TENANTS[self.tenant]
        if contact := world.record(tenant, self.which):
            with suppress(ApiError):
                value = world.value(tenant, self.field, self.value)
                world.hub.edit(tenant, contact, PROPERTIES[self.field], value)


@dataclass(frozen=True)
class OnRecord:
    """A person archives, restores or erases a contact, or the CRM formats its phone number."""

    what: str
    tenant: int
    which: int

    def do(self, world: World) -> None:
        """Do it, unless the CRM refuses."""
        tenant = TENANTS[self.tenant]
        what: dict[str, Callable[[Any, Any], Any]] = {
            "archive": world.hub.archive,
            "restore": world.hub.restore,
            "erase": world.erase,
            "format": world.hub.format_phone,
        }
        if contact := world.record(tenant, self.which, archived=self.what == "restore"):
            with suppress(ApiError):
                what[self.what](tenant, contact)


@dataclass(frozen=True)
class Merge:
    """A person merges two contacts."""

    tenant: int
    primary: int
    other: int

    def do(self, world: World) -> None:
        """Merge them."""
        tenant = TENANTS[self.tenant]
        primary, other = world.record(tenant, self.primary), world.record(tenant, self.other)
        if primary and other:
            world.merge(tenant, primary, other)


@dataclass(frozen=True)
class Deliver:
    """Events arrive: the first or the last of those on their way, in order or not, perhaps also ones of before."""

    count: int
    newest: bool = False
    turned: bool = False
    again: int = 0

    def do(self, world: World) -> None:
        """Have them kept."""
        hub = world.hub
        hub.collect()
        cut = len(hub.events) - self.count if self.newest else self.count
        chosen = hub.events[max(0, cut) :] if self.newest else hub.events[:cut]
        hub.events = hub.events[: max(0, cut)] if self.newest else hub.events[cut:]
        repeated = hub.delivered[-self.again :] if self.again else []
        hub.delivered += chosen
        batch = [*chosen, *repeated]
        world.deliver(batch[::-1] if self.turned else batch)


@dataclass(frozen=True)
class Lose:
    """Events get lost."""

    count: int

    def do(self, world: World) -> None:
        """Forget them."""
        world.hub.collect()
        world.lose(world.hub.events[: self.count])
        world.hub.events = world.hub.events[self.count :]


@dataclass(frozen=True)
class Route:
    """lead-store turns what it has kept into work."""

    def do(self, world: World) -> None:
        """Route, as the router's own loop does: what fails waits for the next round."""
        try:
            world.suite.route()
        except Died as gone:
            world.suite.lead_store_died(gone)
        except PyMongoError:
            world.clock.advance(1.0)


@dataclass(frozen=True)
class Pass:
    """Time passes."""

    seconds: float

    def do(self, world: World) -> None:
        """Let it."""
        world.clock.advance(self.seconds)


@dataclass(frozen=True)
class Work:
    """A connector process leases once and works that off."""

    worker: int = 0

    def do(self, world: World) -> None:
        """Work."""
        worker = world.worker(self.worker)
        world.run(worker, worker.work)


@dataclass(frozen=True)
class Sweep:
    """A connector process sweeps."""

    worker: int = 0

    def do(self, world: World) -> None:
        """Sweep."""
        worker = world.worker(self.worker)
        world.run(worker, worker.sweep)


@dataclass(frozen=True)
class Start:
    """One more connector process."""

    def do(self, world: World) -> None:
        """Start it, unless there are two."""
        if len(world.suite.workers) < 2:
            world.suite.workers.append(world.suite.start())


@dataclass(frozen=True)
class Disturbed:
    """An act during which things go wrong."""

    act: Any
    faults: tuple[Fault, ...]

    def do(self, world: World) -> None:
        """Do it."""
        with world.faults.planned(self.faults):
            self.act.do(world)
