"""Letting the world come to rest: nothing goes wrong any more, time passes, events arrive, work is done."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from proof.machine.acts import Deliver, Route, Sweep
from proof.machine.config import TENANTS
from proof.machine.hub import WORKFLOW_SETS
from proof.machine.world import World

ROUNDS = 150  # far more than any history needs: what is still busy then goes on for ever
SETTLED = 130.0  # seconds in which every write that was under way has landed, leases end and searches catch up


@dataclass(frozen=True)
class Rest:
    """An act: the world comes to rest."""

    def do(self, world: World) -> None:
        """Let it."""
        come_to_rest(world)


def come_to_rest(world: World) -> None:
    """Let the world come to rest; AssertionError if it never does."""
    world.hub.behave(read_lag_seconds=0.0, search_lag_seconds=0.0)
    _work_off(world)
    for worker in list(world.suite.workers):
        worker.store.leave()
    world.clock.advance(SETTLED)
    _finish(world)
    Sweep(0).do(world)
    _finish(world)
    world.hub.behave(read_lag_seconds=world.config.read_lag, search_lag_seconds=world.config.search_lag)


def busy(world: World) -> list[dict[str, Any]]:
    """Work items on which something is still to be done."""
    work_items = world.suite.look.work_items.collection.find({})
    return [work_item for work_item in work_items if isinstance(work_item.get("due_at"), datetime)]


def _finish(world: World) -> None:
    """Do all that is due, and wait for what will be."""
    for _ in range(ROUNDS):
        _work_off(world)
        again = _next_due(world)
        if again is None:
            return
        world.clock.advance(max(0.5, (again - world.clock.now()).total_seconds()))
    raise AssertionError(f"L1: still busy after {ROUNDS} rounds: {busy(world)}")


def _work_off(world: World) -> None:
    for _ in range(60):
        _robot(world)
        Deliver(1_000).do(world)
        Route().do(world)
        worker = world.worker(0)
        if world.run(worker, worker.work) == 0 and not world.hub.simulator.outbox.outstanding():
            return
    raise AssertionError("L3: work makes more work without an end")


def _next_due(world: World) -> datetime | None:
    """When something goes on; None if nothing does, or if all that is left is fields that rest (the breaker)."""
    waiting = [work_item for work_item in busy(world) if work_item.get("reason") != "field_paused"]
    moments = [max(work_item["due_at"], work_item["lease_until"]) for work_item in waiting]
    return min([*moments, *filter(None, [world.clock.next_event])], default=None)


def _robot(world: World) -> None:
    """A program on the platform undoes what the CRM's workflow did."""
    if not world.config.robot:
        return
    for tenant in TENANTS:
        for lead in world.leads(tenant):
            if lead.values.get("first_name") == WORKFLOW_SETS:
                world.edit_lead(tenant, lead, "first_name", tenant.values["first_name"][1])
