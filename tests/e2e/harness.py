"""A whole suite of real processes for a test to play with."""

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx
from hubspot_simulator.client import ControlClient
from leadsync_cli.suite.background import BackgroundSuite, isolated_environment
from leadsync_cli.suite.logs import tail
from leadsync_cli.tokens import Role, make_token
from pymongo import MongoClient

Found = TypeVar("Found")
Json = dict[str, Any]

SERVICES = ("lead-store", "crm-connector", "webhook-gateway")
# What tests want to be different from production: nothing happens by itself, and failures are noticed soon. A lease
# leaves 12 s to read and decide a hundred records before it is too late to write; a slow machine needs several.
DEFAULTS = {"LEADSYNC_SWEEP_SECONDS": "3600", "LEADSYNC_LEASE_SECONDS": "25", "HUBSPOT_TIMEOUT_SECONDS": "3"}

# The machine may be busy with other tests, so everything may take so many times longer than it does on an idle one.
PATIENCE = 4
# Asking costs processor time that other tests need, so the pauses between two questions grow.
FIRST_PAUSE, LONGEST_PAUSE, GROWTH = 0.02, 0.7, 1.25


def eventually(condition: Callable[[], Found | None], within: float = 10.0, what: str = "") -> Found:
    """Return the first truthy answer of the condition; fail after `within` seconds of an idle machine.

    The failure says what the last answer was. An AssertionError of the condition counts as "not yet", so that it may
    hold plain asserts; so does an unreachable server, which may be about to start again.
    """
    end, pause = time.monotonic() + within * PATIENCE, FIRST_PAUSE
    while True:
        over = time.monotonic() >= end
        last = ""
        try:
            if found := condition():
                return found
            last = f"the last answer was {found!r}"
        except (AssertionError, httpx.TransportError) as error:
            last = str(error) or type(error).__name__
        if over:
            name = what or getattr(condition, "__name__", "the condition")
            raise AssertionError(f"waited {within * PATIENCE:g} s in vain for {name}: {last}")
        time.sleep(pause)
        pause = min(pause * GROWTH, LONGEST_PAUSE)


@dataclass(frozen=True, slots=True)
class Suite:
    """A running suite: its HTTP API as administrator, the simulated HubSpot, and its processes."""

    background: BackgroundSuite
    api: httpx.Client
    hubspot: ControlClient
    integration_id: str

    @property
    def url(self) -> str:
        """Address of the gateway."""
        return self.background.url

    @property
    def data_dir(self) -> Path:
        """Where keys, token, logs and the database lie."""
        return self.background.data_dir

    def token(self, role: str = "admin", tenant: str = "default") -> str:
        """Return a token of any role and tenant."""
        key = (self.data_dir / "token-key").read_text(encoding="utf-8").strip()
        return make_token(key, tenant=tenant, role=Role(role), subject="test", lifetime=timedelta(hours=1))

    @contextmanager
    def api_as(self, role: str = "admin", tenant: str = "default") -> Iterator[httpx.Client]:
        """Give the HTTP API to another bearer."""
        with open_api(self.url, self.token(role, tenant)) as client:
            yield client

    def pid(self, component: str) -> int:
        """Return the id of the process that a component runs as now."""
        return self.background.pid(component)

    def kill(self, component: str) -> int:
        """End a component with SIGKILL and return its process id; `wait_restarted` waits for its successor."""
        pid = self.pid(component)
        os.kill(pid, signal.SIGKILL)
        return pid

    def wait_restarted(self, component: str, old_pid: int, within: float = 30.0) -> int:
        """Wait until a component is ready again as another process; return its id."""
        return self.background.wait_successor(component, old_pid, within)

    def logs(self, component: str) -> str:
        """Return what a component has logged since the suite's start."""
        return self.background.log(component)

    def status(self) -> Json:
        """Return the counters of the integration."""
        answer = self.api.get("/crm-integration/sync-status", params={"integrationId": self.integration_id})
        return body_of(answer)

    def leads(self, email: str) -> list[Json]:
        """Return the leads with this e-mail."""
        found: list[Json] = body_of(self.api.get("/leads", params={"email": email}))["leads"]
        return found

    def contacts(self, email: str) -> list[Json]:
        """Return the live contacts of HubSpot with this e-mail."""
        return [one for one in self.hubspot.contacts() if one["properties"].get("email") == email]

    def wait_routed(self, pending: int, within: float) -> None:
        """Wait until every webhook is delivered and routed, and so many records are due.

        Delivered is not enough where calls are counted: a webhook is routed later, and its record is then read again.
        """

        def routed() -> bool:
            before = self.hubspot.delivery_counts()
            return (
                before["outstanding"] == 0
                and not body_of(self.api.get("/events", params={"state": "new"}))["events"]
                and self.status()["pending"] == pending
                and self.hubspot.delivery_counts() == before  # or something came meanwhile
            )

        eventually(routed, within, f"all webhooks to be delivered and routed and {pending} records to be due")

    def wait_quiet(self, within: float = 60.0) -> None:
        """Wait until every webhook is delivered and routed, and no work is due."""
        self.wait_routed(0, within)


def leadsync(suite: Suite, *arguments: str, **overrides: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in the suite's environment, with some variables of it overridden."""
    command = [sys.executable, "-P", "-m", "leadsync_cli", *arguments]
    environment = suite.background.environment | {"COLUMNS": "200"} | overrides
    return subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60
    )


def cli_json(suite: Suite, *arguments: str, **overrides: str) -> Json:
    """Return what a command of the command line prints with --json; it has to succeed."""
    result = leadsync(suite, *arguments, "--json", **overrides)
    assert result.returncode == 0, f"leadsync {' '.join(arguments)}: {result.returncode} {result.stderr}{result.stdout}"
    found: Json = json.loads(result.stdout)
    return found


def open_api(url: str, token: str) -> httpx.Client:
    """Return a client of the HTTP API; paths are relative to /api/v1."""
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.Client(base_url=f"{url}/api/v1", headers=headers, timeout=60, trust_env=False)


def body_of(answer: httpx.Response, status: int = 200) -> Json:
    """Return the JSON object of an answer that has the expected status; show the whole answer otherwise."""
    assert answer.status_code == status, (
        f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}"
    )
    found: Json = answer.json()
    return found


@contextmanager
def own_databases() -> Iterator[dict[str, str]]:
    """Give variables that name databases which nobody else has; drop these afterwards from the server of MONGO_URL."""
    prefix = f"e2e_{secrets.token_hex(4)}"
    yield {"LEADSYNC_DATABASE_PREFIX": prefix}
    if mongo_url := os.environ.get("MONGO_URL"):
        _drop_databases(mongo_url, prefix)


@contextmanager
def running_suite(data_dir: Path, overrides: Mapping[str, str]) -> Iterator[Suite]:
    """Run a suite with ports and a data directory of its own; it has to stop cleanly in the end.

    With MONGO_URL in the environment that server is used, else an embedded one in the data directory.
    """
    background = BackgroundSuite(isolated_environment(os.environ, data_dir) | DEFAULTS | dict(overrides))
    try:
        background.wait_up()
        with open_api(background.url, background.token()) as api, hubspot_of(background) as hubspot:
            yield Suite(background, api, hubspot, _integration_id(background))
    finally:
        code = background.stop()
    assert code == 0, f"leadsync up ended with exit code {code}"


def hubspot_of(background: BackgroundSuite) -> ControlClient:
    """Return the control of a suite's simulated HubSpot."""
    return ControlClient(f"http://127.0.0.1:{background.environment['SIMULATOR_PORT']}")


def log_tails(suite: Suite, lines: int = 15) -> dict[str, str]:
    """Return the end of every service's log, for a failure's report."""
    return {name: tail(suite.data_dir / "logs" / f"{name}.log", lines) for name in SERVICES}


def _integration_id(background: BackgroundSuite) -> str:
    """Return the id of the integration that the suite has connected; fail with its reason if it has not."""
    event = background.wait_for(lambda one: one["event"] == "integration", 0, "the integration")
    assert "id" in event, f"the simulator's account was not connected: {event}"
    return str(event["id"])


def _drop_databases(mongo_url: str, prefix: str) -> None:
    with MongoClient[Json](mongo_url, serverSelectionTimeoutMS=5000) as client:
        for name in client.list_database_names():
            if name.startswith(prefix):
                client.drop_database(name)
