"""Playing the demo: on the running suite, or on a new one that is removed afterwards."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx

from leadsync_cli.crms.hubspot import scenarios
from leadsync_cli.demo.checklist import Checklist
from leadsync_cli.errors import CommandError
from leadsync_cli.output import print_json
from leadsync_cli.settings import Settings
from leadsync_cli.suite.background import BackgroundSuite, isolated_environment
from leadsync_cli.suite.catalogue import simulator_url

Log = Callable[[str], str]  # component → what it has logged


def play_demo(settings: Settings, *, as_json: bool) -> bool:
    """Play the test checklist and show it; return whether every check passed.

    Raises CommandError if there is no suite to play on, or no simulator in it.
    """
    checklist = Checklist(quiet=as_json)
    with _suite(settings, checklist) as (suite, log):
        scenarios.play(suite, log, checklist)
    if as_json:
        print_json(checklist.as_json())
    checklist.summary()
    return checklist.passed


@contextmanager
def _suite(settings: Settings, checklist: Checklist) -> Iterator[tuple[Settings, Log]]:
    """Yield the running suite if there is one, else start one in a temporary directory."""
    if _answers(f"{settings.url}/livez"):
        if not _answers(f"{simulator_url(settings.ports)}/_control"):
            detail = (
                f"A suite runs at {settings.url}, but without the simulator. The demo would make records in a real CRM."
            )
            raise CommandError("no_simulator", detail)
        checklist.scenario(f"Playing on the suite at {settings.url}")
        logs = settings.data_dir / "logs"
        yield settings, lambda name: _read(logs / f"{name}.log")
        return
    checklist.scenario("No suite runs here: starting one for the demo")
    with tempfile.TemporaryDirectory(prefix="leadsync-demo-") as folder, _new_suite(Path(folder)) as suite:
        yield replace(Settings.from_env(suite.environment), token=suite.token()), suite.log


@contextmanager
def _new_suite(folder: Path) -> Iterator[BackgroundSuite]:
    """Run a suite with its own database until the block ends."""
    environment = isolated_environment(os.environ, folder)
    environment.pop("MONGO_URL", None)  # a demo never touches a database that people use
    suite = BackgroundSuite(environment)
    try:
        suite.wait_up()
        yield suite
    finally:
        suite.stop()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
