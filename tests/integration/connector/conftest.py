"""One database and one HubSpot simulator for all tests of this folder; each test finds both empty."""

import os
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from crm_connector.clients.lead_store import GrpcLeadStore
from crm_connector.hubspot.provider import HubSpot, HubSpotCrm
from crm_connector.mongo import indexes
from crm_connector.mongo.client import connect
from integration.connector import support
from integration.connector.support import Parts, Simulator, StoreDouble
from lead_store_calls import LeadStore
from pymongo.database import Database


@pytest.fixture(scope="session")
def mongo_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """MONGO_URL, or the embedded server on a free port."""
    if url := os.environ.get("MONGO_URL"):
        yield url
        return
    with support.embedded_mongo(tmp_path_factory.mktemp("mongo")) as url:
        yield url


@pytest.fixture
def db(mongo_url: str) -> Iterator[Database[dict[str, Any]]]:
    """A database of its own for each test, with our indexes."""
    client = connect(mongo_url)
    name = f"test_connector_{uuid.uuid4().hex[:12]}"
    indexes.ensure(client[name])
    yield client[name]
    client.drop_database(name)
    client.close()


@pytest.fixture(scope="session")
def running_simulator() -> Iterator[Simulator]:
    """The simulator's process."""
    with support.simulator() as running:
        yield running


@pytest.fixture
def simulator(running_simulator: Simulator) -> Simulator:
    """An empty simulator: search without lag, no rate limits."""
    running_simulator.control.reset()
    running_simulator.control.set(search_lag_seconds=0, rate_limit_per_10_seconds=0, search_limit_per_second=0)
    return running_simulator


@pytest.fixture
def provider(simulator: Simulator) -> Iterator[HubSpot]:
    """Our client of the simulator."""
    with support.hubspot(simulator.url) as provider:
        yield provider


@pytest.fixture
def crm(provider: HubSpot, simulator: Simulator) -> HubSpotCrm:
    """An account of the simulator that is set up; calls are counted from here."""
    crm = support.a_crm(provider)
    crm.prepare(crm.mapping, set(crm.mapping.properties))
    simulator.control.reset_calls()
    return crm


@pytest.fixture
def double() -> StoreDouble:
    """A double of lead-store."""
    return StoreDouble()


@pytest.fixture
def store(double: StoreDouble) -> Iterator[GrpcLeadStore]:
    """Our client of the double, over a real socket."""
    with support.served(double) as target, support.lead_store(target) as store:
        yield store


@pytest.fixture
def parts(db: Database[dict[str, Any]], provider: HubSpot, store: GrpcLeadStore) -> Parts:
    """The use cases, wired."""
    return support.parts(db, provider, store)


@pytest.fixture
def lead_store(mongo_url: str) -> Iterator[tuple[LeadStore, str]]:
    """A running lead-store."""
    with support.real_lead_store(mongo_url) as running:
        yield running


@pytest.fixture
def inside(lead_store: tuple[LeadStore, str]) -> LeadStore:
    """A look inside it."""
    return lead_store[0]


@pytest.fixture
def real(lead_store: tuple[LeadStore, str]) -> Iterator[GrpcLeadStore]:
    """Our client of it."""
    with support.lead_store(lead_store[1]) as store:
        yield store


@pytest.fixture
def real_parts(db: Database[dict[str, Any]], provider: HubSpot, real: GrpcLeadStore) -> Parts:
    """The use cases, wired to it."""
    return support.parts(db, provider, real)
