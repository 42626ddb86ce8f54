"""Playing the demo: on the suite that runs, or on a fresh one that goes away afterwards."""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
from hubspot_simulator.client import ControlClient, ControlError

from leadsync_cli.demo import scenarios
from leadsync_cli.demo.checklist import Checklist
from leadsync_cli.errors import CommandError
from leadsync_cli.gateway.client import Gateway, connect
from leadsync_cli.output import print_json
from leadsync_cli.settings import Settings
from leadsync_cli.suite.background import BackgroundSuite, isolated_environment
from leadsync_cli.suite.catalogue import SIMULATED_ACCOUNT, simulator_url


def play_demo(settings: Settings, *, as_json: bool) -> bool:
    """Play the test checklist and show it; return whether every check is green.

    Raises CommandError if there is no suite to play on, or no simulator in it.
    """
    checklist = Checklist(quiet=as_json)
    with _stage(settings, checklist) as stage:
        try:
            _play(stage, checklist)
        except (ControlError, httpx.HTTPError) as error:
            raise CommandError("simulator_failed", f"{type(error).__name__}: {error}") from error
    if as_json:
        print_json(checklist.as_json())
    checklist.summary()
    return checklist.passed


def _play(stage: scenarios.Stage, checklist: Checklist) -> None:
    scenarios.platform_to_hubspot(stage, checklist)
    pair = scenarios.hubspot_to_platform(stage, checklist)
    if pair:
        scenarios.edits(stage, checklist, *pair)
    scenarios.webhook_status(stage, checklist)


@contextmanager
def _stage(settings: Settings, checklist: Checklist) -> Iterator[scenarios.Stage]:
    """Give the running suite if there is one, else start one in a temporary directory."""
    if _answers(f"{settings.url}/livez"):
        if not _answers(f"{simulator_url(settings.ports)}/_control"):
            detail = (
                f"A suite runs at {settings.url}, but without the simulator. The demo would make records in a real CRM."
            )
            raise CommandError("no_simulator", detail)
        checklist.scenario(f"Playing on the suite at {settings.url}")
        logs = settings.data_dir / "logs"
        with connect(settings) as gateway, ControlClient(simulator_url(settings.ports)) as hubspot:
            yield _set(gateway, hubspot, settings, lambda name: _read(logs / f"{name}.log"))
        return
    checklist.scenario("No suite runs here: starting one for the demo")
    with tempfile.TemporaryDirectory(prefix="leadsync-demo-") as folder, _fresh(Path(folder)) as suite:
        own = replace(Settings.from_env(suite.environment), token=suite.token())
        with connect(own) as gateway, ControlClient(simulator_url(own.ports)) as hubspot:
            yield _set(gateway, hubspot, own, suite.log)


@contextmanager
def _fresh(folder: Path) -> Iterator[BackgroundSuite]:
    """Run a suite of its own, with its own database, for as long as it is needed."""
    environment = isolated_environment(os.environ, folder)
    environment.pop("MONGO_URL", None)  # a demo never touches a database that people use
    suite = BackgroundSuite(environment)
    try:
        suite.wait_up()
        yield suite
    finally:
        suite.stop()


def _set(gateway: Gateway, hubspot: ControlClient, settings: Settings, log: Callable[[str], str]) -> scenarios.Stage:
    """Find the integration of the simulator's account and put everything together."""
    for item in gateway.get("/crm-integration")["integrations"]:
        if str(item.get("portalId")) == SIMULATED_ACCOUNT:
            run = f"{time.time_ns():x}"[-10:]
            return scenarios.Stage(gateway, hubspot, str(item["id"]), settings.platform, run, log)
    raise CommandError(
        "integration_not_found", f"HubSpot account {SIMULATED_ACCOUNT} of the simulator is not connected."
    )


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
