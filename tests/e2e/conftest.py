"""The suites that end-to-end tests run on: one for each kind of test, and others for tests that want their own."""

import secrets
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest
from e2e.harness import Suite, log_tails, own_databases, running_suite
from sharing import suite_of

SETTINGS = {
    "batches": {"LEADSYNC_LEASE_SECONDS": "60"},  # no lease may end before its batch is done, or there are more calls
    # These wait for the CRM's read lag, or for a minute between two readings. Elsewhere short waits only cost: whatever
    # looks at something again and again does so more often.
    "crashes": {"LEADSYNC_TIME_SCALE": "3"},
    "records": {"LEADSYNC_TIME_SCALE": "3"},
    "tls": {"LEADSYNC_TLS": "on"},
}


@pytest.fixture(scope="session")
def suites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Suite]]:
    """Give a function that returns the suite of a name. It runs until a test with another one begins."""
    with ExitStack() as running:
        found: dict[str, Suite] = {}

        def start(name: str) -> Suite:
            if name not in found:
                found.clear()
                running.close()
                settings = running.enter_context(own_databases()) | SETTINGS.get(name, {})
                data_dir = tmp_path_factory.mktemp(f"suite-{name}") / "data"
                found[name] = running.enter_context(running_suite(data_dir, settings))
            return found[name]

        yield start


@pytest.fixture
def suite(suites: Callable[[str], Suite], request: pytest.FixtureRequest) -> Suite:
    """Give the suite that the test shares with others (see `sharing`); each test makes its own people."""
    return suites(suite_of(request.path.stem))


@pytest.fixture
def another_suite(tmp_path: Path) -> Iterator[Callable[..., AbstractContextManager[Suite]]]:
    """Give a function that runs a suite of the test's own, with other settings; each time on the same data.

    `with another_suite(LEADSYNC_SWEEP_SECONDS="2") as suite: …`
    """
    with own_databases() as databases:
        yield lambda **overrides: running_suite(tmp_path / "data", databases | overrides)


@pytest.fixture
def person() -> Callable[[str], str]:
    """Give a function that turns a name into an e-mail address which nobody else has."""
    run = secrets.token_hex(4)
    return lambda name: f"{name}.{run}@example.com"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the end of every service's log beside a failure."""
    report = yield
    running = getattr(item, "funcargs", {}).get("suite")
    if report.failed and isinstance(running, Suite):
        report.sections.extend((f"log of {name}", text) for name, text in log_tails(running).items())
    return report
