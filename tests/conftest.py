"""What holds for all tests: their database, and how they are shared out among several processes."""

import os
import signal
from collections.abc import Iterator
from itertools import chain, zip_longest
from typing import Any

import pytest
from embedded_mongo import EmbeddedMongo, mongo_server, wait_ready
from hypothesis import HealthCheck, settings
from sharing import Scheduler, unit_of

# A shell lets what it runs in the background ignore Ctrl-C, and children inherit that; some tests press it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes says how loaded the machine is, and nothing about the code.
settings.register_profile("leadsync", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("leadsync")

DATABASES = pytest.StashKey[list[EmbeddedMongo]]()
MOST_DATABASES = 2  # each computes on one core only


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Give each worker of pytest-xdist the address of a database. The controller starts them, for it ends last."""
    if os.environ.get("MONGO_URL"):
        return
    databases = node.config.stash.setdefault(DATABASES, [])
    place = int(node.gateway.id.removeprefix("gw")) % MOST_DATABASES
    if place == len(databases):
        databases.append(EmbeddedMongo())
    node.workerinput["mongo_url"] = databases[place].url


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the databases of the workers."""
    for database in config.stash.get(DATABASES, []):
        database.stop()


@pytest.fixture(scope="session")
def mongo_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """URL of a running MongoDB. Others use it too, so name databases as nobody else does."""
    shared: str | None = getattr(request.config, "workerinput", {}).get("mongo_url")
    if shared is None:
        with mongo_server() as url:
            yield url
    else:
        wait_ready(shared)
        yield shared


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduler:
    """Share tests out by units."""
    config.option.loadscopereorder = False
    return Scheduler(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the tests of a unit together, and begin with the longest ones where there are several workers.

    End-to-end tests mostly wait and the others mostly compute, so these two kinds begin in turn.
    """
    units: dict[str, list[pytest.Item]] = {}
    for item in items:
        units.setdefault(unit_of(item.nodeid), []).append(item)
    order = [*units.values()]
    if hasattr(config, "workerinput"):
        waiting = [unit for name, unit in units.items() if name.startswith("e2e ")]
        computing = [unit for name, unit in units.items() if not name.startswith("e2e ")]
        nothing: list[pytest.Item] = []
        order = [*chain(*zip_longest(waiting, computing, fillvalue=nothing))]
    items[:] = chain(*order)
