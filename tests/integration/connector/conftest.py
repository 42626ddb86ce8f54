"""One HubSpot simulator for all tests of this folder, and a database for each; each test finds both empty."""

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from crm_connector.clients.lead_store import GrpcLeadStore
from crm_connector.metrics import Metrics
from crm_connector.mongo import indexes
from crm_connector.mongo.client import connect, open_database
from crm_connector.providers.hubspot.provider import HubSpot, HubSpotCrm
from integration.connector import hub, rig
from integration.connector.builders import an_integration
from integration.connector.crms.provider import MemoryProvider
from integration.connector.hub import Simulator
from integration.connector.lead_store_double import StoreDouble, client_of, served
from integration.connector.rig import Parts
from lead_store_calls import LeadStore
from pymongo.database import Database


@pytest.fixture
def db(mongo_url: str) -> Iterator[Database[dict[str, Any]]]:
    """A database of its own for each test, with our indexes."""
    client = connect(mongo_url)
    name = f"test_connector_{uuid.uuid4().hex[:12]}"
    database = open_database(client, name)
    indexes.ensure(database)
    yield database
    client.drop_database(name)
    client.close()


@pytest.fixture(scope="session")
def running_simulator() -> Iterator[Simulator]:
    """The simulator's process."""
    with hub.simulator() as running:
        yield running


@pytest.fixture
def simulator(running_simulator: Simulator) -> Simulator:
    """An empty simulator: search without lag, no rate limits."""
    running_simulator.control.reset()
    running_simulator.control.set(search_lag_seconds=0, rate_limit_per_10_seconds=0, search_limit_per_second=0)
    return running_simulator


@pytest.fixture
def metrics() -> Metrics:
    """Counts our calls."""
    return Metrics()


@pytest.fixture
def provider(simulator: Simulator, metrics: Metrics) -> Iterator[HubSpot]:
    """Our client of the simulator."""
    with hub.hubspot(simulator.url, count_call=metrics.call) as provider:
        yield provider


@pytest.fixture
def crm(provider: HubSpot, simulator: Simulator) -> HubSpotCrm:
    """An account of the simulator that is set up; calls are counted from here."""
    crm = provider.connect(an_integration(), hub.StaticToken())
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
    with served(double) as target, client_of(target) as store:
        yield store


@pytest.fixture
def parts(db: Database[dict[str, Any]], provider: HubSpot, store: GrpcLeadStore, metrics: Metrics) -> Parts:
    """The use cases, wired to the double."""
    return rig.wired(db, {"hubspot": provider}, store, metrics)


Wire = Callable[[MemoryProvider], Parts]


@pytest.fixture
def wire(db: Database[dict[str, Any]], store: GrpcLeadStore) -> Wire:
    """Wires the use cases to a CRM in memory and to the double."""
    return lambda provider: rig.wired(db, {"memory": provider}, store)


@pytest.fixture
def wire_real(db: Database[dict[str, Any]], real: GrpcLeadStore) -> Wire:
    """Wires the use cases to a CRM in memory and to a real lead-store."""
    return lambda provider: rig.wired(db, {"memory": provider}, real)


@pytest.fixture
def lead_store(mongo_url: str) -> Iterator[tuple[LeadStore, str]]:
    """A running lead-store."""
    with rig.real_lead_store(mongo_url) as running:
        yield running


@pytest.fixture
def inside(lead_store: tuple[LeadStore, str]) -> LeadStore:
    """A look inside it."""
    return lead_store[0]


@pytest.fixture
def real(lead_store: tuple[LeadStore, str]) -> Iterator[GrpcLeadStore]:
    """Our client of it."""
    with client_of(lead_store[1], patient=True) as store:
        yield store


@pytest.fixture
def real_parts(db: Database[dict[str, Any]], provider: HubSpot, real: GrpcLeadStore, metrics: Metrics) -> Parts:
    """The use cases, wired to it."""
    return rig.wired(db, {"hubspot": provider}, real, metrics)
