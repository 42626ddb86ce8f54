"""Injects a schedule of faults into a running suite."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from hubspot_simulator.client import ControlClient

from soak.faults import Fault, Kind
from soak.suite import SoakSuite

HUBSPOT_FAULTS: dict[str, dict[str, object]] = {
    "errors": {"status": 503},
    "late": {"answer_delay_seconds": 4.0},  # longer than the connector waits: it cannot know whether the write landed
    "answers lost": {"drop_connection_after": True},
    "requests lost": {"drop_connection_before": True},
}
# Events come twice, late and in any order, and some never.
DISORDER = {"duplicate_probability": 0.1, "drop_probability": 0.03, "disorder_seconds": 1.5, "retry_scale": 1 / 120}
ORDER = {"duplicate_probability": 0.0, "drop_probability": 0.0, "disorder_seconds": 0.0}


@dataclass(slots=True)
class Injector:
    """Injects faults from one event loop, and counts them."""

    suite: SoakSuite
    hubspot: ControlClient
    log: Callable[[str], None]
    counts: Counter[str] = field(default_factory=Counter)
    database_ahead: timedelta = timedelta()  # the most that its clock was ahead

    async def inject(self, faults: Iterable[Fault]) -> None:
        """Carry out all faults, each at its time; returns when the last one is over."""
        await asyncio.to_thread(self.hubspot.set, **DISORDER)
        began = time.monotonic()
        async with asyncio.TaskGroup() as lasting:
            for fault in faults:
                await asyncio.sleep(max(0.0, began + fault.at - time.monotonic()))
                self.log(f"  {fault}")
                lasting.create_task(self._carry_out(fault))

    async def end(self) -> None:
        """Let HubSpot behave again; the links do so by themselves."""
        await asyncio.to_thread(self.hubspot.clear_faults)
        await asyncio.to_thread(self.hubspot.set, **ORDER)

    def _carry_out(self, fault: Fault) -> Coroutine[Any, Any, None]:
        match fault.kind:
            case Kind.KILL:
                return self._kill(fault.where)
            case Kind.STOP:
                return self._stop(fault)
            case Kind.FULL:
                self.counts["full disks"] += 1
                return self.suite.fill_disk(fault.seconds)
            case Kind.CLOCK:
                return self._jump(fault)
            case Kind.CUT:
                self.counts["links cut"] += 1
                return self.suite.links[fault.where].cut(fault.seconds)
            case Kind.FREEZE:
                self.counts["links frozen"] += 1
                return self.suite.links[fault.where].freeze(fault.seconds)
            case Kind.SLOW:
                self.counts["links slowed"] += 1
                return self.suite.links[fault.where].slow(fault.seconds, fault.amount)
            case Kind.HUBSPOT:
                return self._upset_hubspot(fault)

    async def _kill(self, component: str) -> None:
        if not self.suite.kill(component):
            self.counts["kills that met nobody"] += 1

    async def _stop(self, fault: Fault) -> None:
        self.counts["processes stopped"] += 1
        await self.suite.stop(fault.where, fault.seconds)

    async def _jump(self, fault: Fault) -> None:
        clock = self.suite.clocks.get(fault.where)
        self.counts["clock jumps" if clock else "clocks that cannot jump"] += 1
        if clock is not None:
            if fault.where == "database":
                self.database_ahead = max(self.database_ahead, timedelta(seconds=fault.amount))
            await clock.jump(fault.amount, fault.seconds)

    async def _upset_hubspot(self, fault: Fault) -> None:
        self.counts[f"HubSpot's {fault.where}"] += 1
        what = HUBSPOT_FAULTS[fault.where]
        await asyncio.to_thread(self.hubspot.fault, None, "/crm/v3/objects/contacts", int(fault.amount), **what)
