"""The real suite with a proxy on every hop, run and killed from here. Use from the main thread's event loop."""

import asyncio
import os
import resource
import signal
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from leadsync_cli.keys import KEY_FILES, ensure_key, make_private_dir
from leadsync_cli.settings import Settings
from leadsync_cli.suite.background import isolated_environment
from leadsync_cli.suite.catalogue import components, gateway_url, simulator_url, suite_environment
from leadsync_cli.suite.component import Patience
from leadsync_cli.suite.connect import ensure_integration
from leadsync_cli.suite.events import Event, Reporter
from leadsync_cli.suite.supervisor import Supervisor
from leadsync_cli.tokens import Role, make_token

from soak.clock import Clock, make_clocks, with_clocks
from soak.faults import COMPONENTS, GATEWAY_PROCESS
from soak.proxy import Link
from soak.wiring import make_links, wired

# Failures are noticed soon, lost events are found soon, and a killed process is back soon.
SETTINGS = {
    "LEADSYNC_SWEEP_SECONDS": "10",
    "LEADSYNC_LEASE_SECONDS": "30",
    "HUBSPOT_TIMEOUT_SECONDS": "3",
    "LEADSYNC_LOG_LEVEL": "info",
}
PATIENCE = Patience(first_delay=0.2, longest_delay=1.0, steady_after=1.0, ask_every=1.0)
UP_SECONDS = 120.0


@dataclass(slots=True)
class SoakSuite:
    """The processes, where they are reached, and the hops between them."""

    url: str
    hubspot_url: str
    mongo_url: str
    prefix: str
    token: str
    data_dir: Path
    links: Mapping[str, Link]
    clocks: Mapping[str, Clock]
    integration_id: str = ""
    pids: dict[str, int] = field(default_factory=dict)
    exits: Counter[str] = field(default_factory=Counter)
    killed: Counter[str] = field(default_factory=Counter)
    _dying: set[str] = field(default_factory=set)

    def kill(self, component: str) -> bool:
        """End a component's process with SIGKILL, if it runs."""
        if component == GATEWAY_PROCESS:
            return self._kill_one_of_the_gateways()
        pid = self.pids.pop(component, None)
        if pid is None:
            return False
        self._dying.add(component)
        os.killpg(pid, signal.SIGKILL)
        self.killed[component] += 1
        return True

    async def stop(self, component: str, seconds: float) -> None:
        """Stop a component's process for a while, with SIGSTOP. What does not answer for long is replaced meanwhile."""
        pid = self.pids.get(component)
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
            await asyncio.sleep(seconds)
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    async def fill_disk(self, seconds: float) -> None:
        """Let every write to a file fail for a while, in every process but the simulator.

        Each process gets a limit of one byte for its files. Where a full disk gives ENOSPC they see EFBIG, which all of
        them treat the same. The database breaks at its first write, and its successor has no limit.
        """
        full = [pid for component, pid in self.pids.items() if component != "simulator"]
        for pid in full:
            _limit_files(pid, 1)
        await asyncio.sleep(seconds)
        for pid in full:
            _limit_files(pid, resource.RLIM_INFINITY)

    def _kill_one_of_the_gateways(self) -> bool:
        """End one of the processes that serve behind the gateway's port; their parent starts another one."""
        parent = self.pids.get("webhook-gateway")
        serving = [pid for pid in _children(parent) if b"spawn_main" in _command_line(pid)] if parent else []
        if serving:
            os.kill(serving[0], signal.SIGKILL)
            self.killed[GATEWAY_PROCESS] += 1
        return bool(serving)

    def note(self, event: Event) -> str:
        """Note an event of the supervisor."""
        facts = event.facts
        match event.name:
            case "started":
                self.pids[event.component] = int(facts["pid"] or 0)
            case "exited" if event.component in self._dying:
                self._dying.remove(event.component)
            case "exited":  # by itself, or since it never became ready
                self.pids.pop(event.component, None)
                self.exits[f"{event.component} {facts['detail']}"] += 1
            case "silent":  # it is about to be replaced
                self.exits[f"{event.component} did not answer"] += 1
            case "integration":
                self.integration_id = str(facts.get("id", ""))
        return ""


@asynccontextmanager
async def running(data_dir: Path, environment: Mapping[str, str], *, pairs: bool) -> AsyncIterator[SoakSuite]:
    """Run the suite until the block ends, all of it reached through proxies; with `pairs`, two of what may be two."""
    settings = Settings.from_env(isolated_environment(environment, data_dir) | SETTINGS)
    for folder in ("", "mongo", "logs"):
        make_private_dir(data_dir / folder)
    keys = {name: ensure_key(data_dir / file) for name, file in KEY_FILES.items()}
    everything = suite_environment(settings, keys)
    token = make_token(
        keys["LEADSYNC_TOKEN_KEY"], tenant="default", role=Role.ADMIN, subject="soak", lifetime=timedelta(hours=12)
    )
    links, clocks = make_links(settings), make_clocks(data_dir, COMPONENTS)
    suite = SoakSuite(
        url=gateway_url(settings.ports),
        hubspot_url=simulator_url(settings.ports),
        mongo_url=everything["MONGO_URL"],
        prefix=everything.get("LEADSYNC_DATABASE_PREFIX", "leadsync"),
        token=token,
        data_dir=data_dir,
        links=links,
        clocks=clocks,
    )
    reporter = Reporter(suite.note)
    parts = with_clocks(wired(components(settings, everything), links, everything, pairs=pairs), clocks)
    supervisor, up = Supervisor(parts, data_dir / "logs", reporter, PATIENCE), asyncio.Event()

    async def greet() -> None:
        await ensure_integration(suite.url, token, everything, reporter, simulated=True)
        up.set()

    async with AsyncExitStack() as stack:
        for link in links.values():
            await stack.enter_async_context(link.serving())
        task = asyncio.create_task(supervisor.run(greet))
        try:
            await _first(task, asyncio.create_task(up.wait()))
            if not suite.integration_id:
                raise RuntimeError("the simulator's account could not be connected")
            yield suite
        finally:
            supervisor.request_stop()
            await task


async def _first(suite: asyncio.Task[None], up: asyncio.Task[bool]) -> None:
    """Wait until the suite is up; raise what it raised if it did not get there."""
    await asyncio.wait({suite, up}, timeout=UP_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    if not up.done():
        up.cancel()
        if suite.done():
            suite.result()
        raise TimeoutError("the suite did not come up")


def _limit_files(pid: int, most: int) -> None:
    """Set how large a file a process may write; the hard limit stays, so that it can be lifted again."""
    with suppress(ProcessLookupError):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))


def _children(pid: int) -> list[int]:
    with suppress(OSError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]
    return []


def _command_line(pid: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""
