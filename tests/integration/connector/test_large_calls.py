"""Calls that are too large for lead-store are cut in halves, not repeated."""

import json
from collections.abc import Iterator

import pytest
from crm_connector.bootstrap import now
from crm_connector.clients.lead_store import GrpcLeadStore
from crm_connector.domain.delivery import Delivery, StreamEvent
from crm_connector.domain.observation import Done, Observation, Present, Reading, WriteResult
from crm_connector.providers.hubspot.provider import HubSpotCrm
from crm_connector.usecases.work import Job
from integration.connector.builders import a_batch, record_leases, soon
from integration.connector.lead_store_double import StoreDouble, client_of, served
from integration.connector.rig import TIMING
from leadsync.sync.v1 import work_service_pb2

MOST_BYTES = 20_000


@pytest.fixture
def strict(double: StoreDouble) -> Iterator[GrpcLeadStore]:
    """Our client of a lead-store that takes small messages only."""
    with served(double, most_bytes=MOST_BYTES) as target, client_of(target) as store:
        yield store


def readings(size: int) -> tuple[Reading, ...]:
    """One reading that needs so many bytes, twice."""
    return (Reading("first_name", "x" * size, "x" * size),)


def page(sizes: dict[str, int]) -> list[Observation]:
    """Records that were read before their lease, by id, and of these sizes."""
    return [
        Observation(f"work-{name}", 1, Present(name, now(), readings(size)), read_before_lease=True)
        for name, size in sizes.items()
    ]


def test_records_that_are_too_large_together_are_decided_in_halves(
    strict: GrpcLeadStore, double: StoreDouble, crm: HubSpotCrm
) -> None:
    """Ten records do not fit into one call: all are decided, each once."""
    sizes = {str(number): 2_000 for number in range(10)}

    Job(strict, lambda _: crm, TIMING).run(a_batch(*record_leases(list(sizes))), page=page(sizes))

    assert double.observed_ids() == list(sizes)
    assert double.releases == []


def test_a_record_that_is_too_large_alone_waits_alone(
    strict: GrpcLeadStore, double: StoreDouble, crm: HubSpotCrm
) -> None:
    """One record fits into no call: the others are decided, and it waits with its reason."""
    sizes = {"1": 100, "2": 15_000, "3": 100, "4": 100}

    Job(strict, lambda _: crm, TIMING).run(a_batch(*record_leases(list(sizes))), page=page(sizes))

    assert double.observed_ids() == ["1", "3", "4"]
    (release,) = double.releases
    expected = ("work-2", work_service_pb2.RELEASE_KIND_RETRY, "cannot_be_stored")
    assert (release.work_item_id, release.kind, release.reason) == expected


def test_results_that_are_too_large_together_settle_in_halves(strict: GrpcLeadStore, double: StoreDouble) -> None:
    """No result waits until its lease ends because of the others."""
    results = [WriteResult(f"work-{n}", 1, f"w{n}", Done(str(n), None, readings(2_000))) for n in range(10)]

    assert strict.settle(results, soon()) == 10

    assert [result.work_item_id for result in double.results] == [f"work-{n}" for n in range(10)]


def test_a_plan_of_records_that_are_too_large_together_is_made_in_halves(
    strict: GrpcLeadStore, double: StoreDouble
) -> None:
    """The decisions come in the order of the records."""
    records = [Present(str(number), now(), readings(2_000)) for number in range(10)]

    decisions = strict.plan("int-1", records, [])

    assert [one.work_item_id for one in decisions] == [f"work-{number}" for number in range(10)]
    assert len(double.plans) > 1


def test_a_delivery_that_is_too_large_is_kept_in_halves(strict: GrpcLeadStore, double: StoreDouble) -> None:
    """All events are kept, each once, also if the delivery is repeated."""
    events = tuple(StreamEvent(f'"{number}{"x" * 4_000}"') for number in range(10))
    delivery = Delivery("key", "memory", "acme", events, now())

    assert [strict.record(delivery), strict.record(delivery)] == [True, False]

    kept = [text for one in double.deliveries for text in json.loads(one.events)]
    assert [text[0] for text in kept] == [str(number) for number in range(10)]
