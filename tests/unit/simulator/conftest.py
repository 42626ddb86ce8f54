"""One simulator for all tests of this folder, empty at the start of each."""

from collections.abc import Iterator

import pytest
from unit.simulator.support import Receiver, RunningSimulator


@pytest.fixture(scope="session")
def running() -> Iterator[RunningSimulator]:
    """The process-wide simulator."""
    simulator = RunningSimulator()
    yield simulator
    simulator.stop()


@pytest.fixture
def hubspot(running: RunningSimulator) -> RunningSimulator:
    """An empty simulator: search without lag, no rate limits."""
    running.control.reset()
    running.control.set(search_lag_seconds=0, rate_limit_per_10_seconds=0, search_limit_per_second=0)
    return running


@pytest.fixture
def receiver(hubspot: RunningSimulator) -> Iterator[Receiver]:
    """A target that the app's contact subscriptions deliver to."""
    with Receiver() as target:
        kinds = ("creation", "deletion", "restore", "merge", "privacyDeletion")
        wanted: list[dict[str, object]] = [{"eventType": f"contact.{kind}"} for kind in kinds]
        wanted += [
            {"eventType": "contact.propertyChange", "propertyName": name} for name in ("email", "firstname", "phone")
        ]
        hubspot.control.set_webhooks(target.url, wanted)
        yield target
        hubspot.control.reset()
