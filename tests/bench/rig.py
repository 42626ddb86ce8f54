"""The processes under test: started from the suite's own catalogue, pinned to a core, observed from outside."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from leadsync_cli.keys import KEY_FILES, ensure_key, make_private_dir
from leadsync_cli.settings import Settings
from leadsync_cli.suite import child
from leadsync_cli.suite.background import isolated_environment
from leadsync_cli.suite.catalogue import components, embedded_mongo_url, gateway_url, simulator_url, suite_environment
from leadsync_cli.suite.component import Component
from leadsync_cli.suite.connect import ensure_integration
from leadsync_cli.suite.events import Event, Reporter
from leadsync_cli.tokens import Role, make_token

from bench.database import Database
from bench.twins import with_twins

READY_SECONDS = 60.0
STOP_SECONDS = 10.0
TICKS = os.sysconf("SC_CLK_TCK")
INGEST = ("database", "lead-store", "webhook-gateway")
ALL = ("database", "simulator", "lead-store", "crm-connector", "webhook-gateway")


@dataclass(slots=True)
class Rig:
    """Running processes by name, and where they are reached. `parts` are those that can be started."""

    settings: Settings
    data_dir: Path
    core: int | None
    token_key: str = field(repr=False)
    everything: Mapping[str, str] = field(repr=False)
    parts: Mapping[str, Component] = field(repr=False)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, *names: str) -> None:
        """Start programs, one after another, and wait until each is ready."""
        for name in names:
            self.processes[name] = _start(self.parts[name], self.data_dir, self.core)
            asyncio.run(_ready(self.parts[name]))

    @property
    def token(self) -> str:
        """A token of the tenant that the suite has from the start."""
        return self.token_of("default")

    def token_of(self, tenant: str) -> str:
        """A token that may do everything for a tenant."""
        lifetime = timedelta(hours=6)
        return make_token(self.token_key, tenant=tenant, role=Role.ADMIN, subject="bench", lifetime=lifetime)

    @property
    def url(self) -> str:
        """Address of the gateway."""
        return gateway_url(self.settings.ports)

    @property
    def hubspot_url(self) -> str:
        """Address of the simulated HubSpot."""
        return simulator_url(self.settings.ports)

    @property
    def mongo_url(self) -> str:
        """Address of the database."""
        return embedded_mongo_url(self.settings.ports)

    @property
    def store_address(self) -> str:
        """Address of lead-store."""
        return f"127.0.0.1:{self.settings.ports.lead_store}"

    def cpu_seconds(self, *names: str) -> float:
        """Processor time that these processes have used so far."""
        return sum(_cpu_seconds(self.processes[name].pid) for name in names)

    def memory_mib(self, name: str) -> float:
        """Resident memory of a process."""
        status = Path(f"/proc/{self.processes[name].pid}/status").read_text(encoding="ascii")
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def connect(self) -> str:
        """Connect the simulator's account and enable its webhooks; return the integration's id."""
        events: list[Event] = []

        def collect(event: Event) -> str:
            events.append(event)
            return ""

        reporter = Reporter(collect)
        asyncio.run(ensure_integration(self.url, self.token, self.everything, reporter, simulated=True))
        if "id" not in events[-1].facts:
            raise RuntimeError(f"the simulator's account was not connected: {events[-1].facts}")
        return str(events[-1].facts["id"])


@contextmanager
def running(
    data_dir: Path,
    database: Database,
    names: Iterable[str],
    core: int | None,
    *,
    twins: bool = False,
    **variables: str,
) -> Iterator[Rig]:
    """Run these components, all on one core if one is given, until the block ends.

    With `twins` a second one of each service can be started later, and the others know of it.
    """
    settings = Settings.from_env(isolated_environment(_without_mongo(), data_dir) | variables)
    for folder in ("", "mongo", "logs"):
        make_private_dir(data_dir / folder)
    keys = {name: ensure_key(data_dir / file) for name, file in KEY_FILES.items()}
    everything = suite_environment(settings, keys)
    command = tuple(database.command(settings.ports.mongo, data_dir / "mongo"))
    known = [
        replace(one, command=command) if one.name == "database" else one for one in components(settings, everything)
    ]
    parts = {one.name: one for one in (with_twins(known) if twins else known)}
    rig, wanted = Rig(settings, data_dir, core, keys["LEADSYNC_TOKEN_KEY"], everything, parts), set(names)
    try:
        rig.start(*(name for name in parts if name in wanted))
        yield rig
    finally:
        for process in reversed(rig.processes.values()):
            stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process: SIGTERM first, SIGKILL if it takes longer than STOP_SECONDS."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _without_mongo() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "MONGO_URL"}


def _start(component: Component, data_dir: Path, core: int | None) -> subprocess.Popen[bytes]:
    """Start a program that dies with us; it and all its threads stay on the core."""
    wrapper = (sys.executable, "-I", "-S", child.__file__, str(os.getpid()))
    pin = ("taskset", "-c", str(core)) if core is not None else ()
    with (data_dir / "logs" / f"{component.name}.log").open("ab") as log:
        return subprocess.Popen(
            [*wrapper, *pin, *component.command],
            env=dict(component.environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


async def _ready(component: Component) -> None:
    end = time.monotonic() + READY_SECONDS
    while not await component.ready():
        if time.monotonic() > end:
            raise TimeoutError(f"{component.name} did not become ready")
        await asyncio.sleep(0.1)


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS
