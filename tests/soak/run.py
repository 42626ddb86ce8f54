"""One run: people work while faults are injected; then the suite comes to rest and is audited."""

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
from hubspot_simulator.client import ControlClient

from soak.audit import audit, slow_answers
from soak.faults import Fault, kill_loop, schedule
from soak.final_state import Deliveries, gather
from soak.idle import IdleCheck
from soak.injection import Injector
from soak.ledger import Ledger
from soak.people import Person
from soak.report import Summary, table
from soak.suite import SETTINGS, SoakSuite, running

PLATFORM_THREADS, HUBSPOT_THREADS = 4, 3
PLATFORM_SHARE = 0.4  # of all changes
UNCHANGED_SECONDS = float(SETTINGS["LEADSYNC_SWEEP_SECONDS"]) + 5  # longer than the interval of the sweep
PROGRESS_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Options:
    """What kind of run it is. With `pairs`, two gateways and two lead-stores are killed in turn under load."""

    seed: int
    seconds: float
    rate: float  # changes per second, on both sides together
    pairs: bool

    @property
    def faults(self) -> list[Fault]:
        """All that goes wrong."""
        return kill_loop(self.seed, self.seconds) if self.pairs else schedule(self.seed, self.seconds)


async def soak(data_dir: Path, environment: Mapping[str, str], options: Options) -> bool:
    """Run, and print a table; give whether the audit found nothing."""
    embedded = {name: value for name, value in environment.items() if name != "MONGO_URL"}  # ours, to be killed
    async with running(data_dir, embedded, pairs=options.pairs) as suite:
        with ExitStack() as stack:
            return await _on(suite, stack, options)


async def _on(suite: SoakSuite, stack: ExitStack, options: Options) -> bool:
    hubspot, ledger, over = stack.enter_context(ControlClient(suite.hubspot_url)), Ledger(), threading.Event()
    api = stack.enter_context(open_api(suite))
    deliveries = Deliveries(stack.enter_context(ControlClient(suite.hubspot_url)))
    injector, began = Injector(suite, hubspot, print), time.monotonic()
    people = [threading.Thread(target=work) for work in _people(suite, stack, ledger, options, over)]
    threads = [*people, threading.Thread(target=deliveries.watch, args=(over,))]
    for thread in threads:
        thread.start()
    progress = asyncio.create_task(_print_progress(suite, ledger, began))
    try:
        async with asyncio.timeout(options.seconds + 60):
            await injector.inject(options.faults)
            await asyncio.sleep(max(0.0, began + options.seconds - time.monotonic()))
    finally:
        over.set()
        await asyncio.gather(*(asyncio.to_thread(thread.join) for thread in threads))
        progress.cancel()
    await injector.end()
    print("  the faults are over")
    idle, over_at = IdleCheck(api, hubspot, suite.integration_id), time.monotonic()
    quiet = await asyncio.to_thread(idle.wait_idle, UNCHANGED_SECONDS)
    idle_after = time.monotonic() - over_at if quiet else None
    needless = await asyncio.to_thread(idle.writes_after_another_look) if quiet else 0
    deliveries.look()
    of_suite = suite.mongo_url, f"{suite.prefix}_lead_store", suite.integration_id, api, hubspot
    left = await asyncio.to_thread(gather, *of_suite, injector.database_ahead)
    acknowledged = [one for some in deliveries.acknowledged.values() for one in some]
    findings = audit(left, acknowledged, ledger, needless)
    if options.pairs:
        findings += slow_answers(deliveries.answer_ms)
    summary = Summary(
        seed=options.seed,
        seconds=options.seconds,
        done=dict(sorted(ledger.counts.items())) | {"slowest acknowledged API call in ms": int(ledger.slowest * 1000)},
        killed=suite.killed,
        exits=suite.exits,
        faults=injector.counts,
        connections_cut=sum(link.connections_cut for link in suite.links.values()),
        deliveries=hubspot.delivery_counts(),
        acknowledged=len(acknowledged),
        answer_ms=deliveries.answer_ms,
        idle_after=idle_after,
    )
    print(table(summary, left, findings))
    return not findings and quiet


def open_api(suite: SoakSuite) -> httpx.Client:
    """Open a client of the HTTP API, for one thread."""
    headers = {"Authorization": f"Bearer {suite.token}"}
    return httpx.Client(base_url=f"{suite.url}/api/v1", headers=headers, timeout=15, trust_env=False)


def _people(
    suite: SoakSuite, stack: ExitStack, ledger: Ledger, options: Options, over: threading.Event
) -> list[Callable[[], None]]:
    def person(name: str, per_second: float) -> Person:
        api, hubspot = stack.enter_context(open_api(suite)), stack.enter_context(ControlClient(suite.hubspot_url))
        return Person(name, options.seed, ledger, api, hubspot, per_second, over)

    platform = [person(f"p{n}", options.rate * PLATFORM_SHARE / PLATFORM_THREADS) for n in range(PLATFORM_THREADS)]
    others = [person(f"h{n}", options.rate * (1 - PLATFORM_SHARE) / HUBSPOT_THREADS) for n in range(HUBSPOT_THREADS)]

    def job(one: Person, actions: dict[Callable[[], None], float]) -> Callable[[], None]:
        return lambda: one.work(actions)

    return [job(one, one.platform_actions()) for one in platform] + [job(one, one.hubspot_actions()) for one in others]


async def _print_progress(suite: SoakSuite, ledger: Ledger, began: float) -> None:
    while True:
        await asyncio.sleep(PROGRESS_SECONDS)
        made = sum(n for what, n in ledger.counts.items() if not what.startswith("API"))
        print(f"{time.monotonic() - began:6.0f} s  {made:,} changes, {sum(suite.killed.values())} processes killed")
