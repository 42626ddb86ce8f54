"""One suite for all end-to-end tests, and further ones for tests that want their own."""

import secrets
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from e2e.harness import Suite, log_tails, own_databases, running_suite


@pytest.fixture(scope="session")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    """Give the suite that all tests share; each test makes its own people."""
    with own_databases() as databases, running_suite(tmp_path_factory.mktemp("suite") / "data", databases) as running:
        yield running


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
