"""The CRM's archive, against the HubSpot simulator: putting records there, and finding those that others put there."""

import time
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from crm_connector.bootstrap import now
from crm_connector.clients.lead_store import GrpcLeadStore
from crm_connector.domain.integration import Integration
from crm_connector.providers.hubspot.provider import HubSpotCrm
from crm_connector.usecases.removals import Removals
from crm_connector.usecases.sweep import Sweep
from crm_connector.usecases.work import Job
from integration.connector import builders
from integration.connector.builders import TO_CRM, a_batch, record_leases
from integration.connector.hub import BATCH_ARCHIVE, BATCH_READ, LIST, Simulator
from integration.connector.lead_store_double import StoreDouble, lease_all
from integration.connector.rig import TIMING, Parts
from lead_store_calls import LeadStore
from leadsync.sync.v1 import sync_pb2, work_service_pb2


@pytest.fixture
def job(store: GrpcLeadStore, crm: HubSpotCrm, double: StoreDouble) -> Job:
    """A job whose records all have to be archived."""
    double.decide = builders.archive
    return Job(store, lambda _: crm, TIMING)


def is_archived(simulator: Simulator, record_id: str) -> bool:
    """Whether a contact is in the archive."""
    return bool(simulator.control.contact(record_id)["archived"])


def test_a_hundred_records_are_archived_in_one_call(job: Job, double: StoreDouble, simulator: Simulator) -> None:
    """The batch archive of HubSpot answers without a body; each write settles as done, without readings."""
    ids = simulator.control.create_contacts(100)

    job.run(a_batch(*record_leases(ids)))

    assert simulator.control.calls() == {BATCH_READ: 1, BATCH_ARCHIVE: 1}
    assert all(is_archived(simulator, record_id) for record_id in ids[::33])
    assert len(double.results) == 100
    done = double.result_of(f"work-{ids[0]}").done
    assert (done.record_id, len(done.readings), done.HasField("modified_at")) == (ids[0], 0, False)


def test_a_record_that_went_meanwhile_does_not_hold_up_the_others(
    job: Job, double: StoreDouble, simulator: Simulator
) -> None:
    """An id that is archived or gone by the time of the write is no error: what was wanted is so."""
    ids = simulator.control.create_contacts(3)

    def decide(seen: sync_pb2.Observation) -> sync_pb2.Decision:
        if seen.present.record_id == ids[2]:  # the last one: all are read by now
            simulator.control.delete_contact(ids[0])
            simulator.control.gdpr_delete(ids[1])
        return builders.archive(seen)

    double.decide = decide
    job.run(a_batch(*record_leases(ids)))

    assert double.outcomes() == ["done"] * 3
    assert is_archived(simulator, ids[2])


def test_an_archive_of_unknown_outcome_has_no_result(job: Job, double: StoreDouble, simulator: Simulator) -> None:
    """R2: nobody knows what a server did before it failed; over quota, it did nothing."""
    ids = simulator.control.create_contacts(1)
    simulator.control.fault(path="/crm/v3/objects/contacts/batch/archive", status=502)
    job.run(a_batch(*record_leases(ids)))
    assert (double.results, double.releases) == ([], [])

    simulator.control.fault(path="/crm/v3/objects/contacts/batch/archive", status=429, body={"policyName": "DAILY"})
    job.run(a_batch(*record_leases(ids)))
    assert double.results[0].not_sent.reason == "daily_limit"


def test_a_refused_batch_is_sent_in_halves(job: Job, double: StoreDouble, simulator: Simulator) -> None:
    """One record that HubSpot does not let go holds up none of the others."""
    ids = simulator.control.create_contacts(4)
    path, refusal = "/crm/v3/objects/contacts/batch/archive", {"status": "error", "category": "X"}
    simulator.control.fault(path=path, status=400, times=2)
    simulator.control.fault(path=path, status=400, body=refusal)

    job.run(a_batch(*record_leases(ids)))

    assert sorted(double.outcomes()) == ["done", "done", "done", "refused"]


class Clock:
    """A wall clock that a test moves."""

    def __init__(self) -> None:
        self.at = now()

    def __call__(self) -> datetime:
        """Give the time."""
        return self.at


@pytest.fixture
def clock() -> Clock:
    """The clock of the sweep."""
    return Clock()


@pytest.fixture
def offered(double: StoreDouble) -> list[work_service_pb2.PageRecord]:
    """What was offered to lead-store from the archive, all of which is leased."""
    seen: list[work_service_pb2.PageRecord] = []

    def page(request: work_service_pb2.LeaseWorkRequest) -> work_service_pb2.LeaseWorkResponse:
        assert request.sweep
        seen.extend(record for record in request.records if record.archived)
        return lease_all(request)

    double.page = page
    return seen


@pytest.fixture
def integration(parts: Parts, simulator: Simulator) -> Integration:
    """A connected account; calls are counted from here."""
    made = parts.connect(direction=TO_CRM)
    simulator.control.reset_calls()
    return made


@pytest.fixture
def sweep(parts: Parts, clock: Clock) -> Sweep:
    """A sweep of an account that only takes: nothing is searched, but its archive is looked through."""
    return parts.sweep(clock)


@pytest.mark.usefixtures("integration")
def test_the_archive_is_looked_through_once_an_hour(
    sweep: Sweep, clock: Clock, offered: list[work_service_pb2.PageRecord], double: StoreDouble, simulator: Simulator
) -> None:
    """A record that was archived while its event was lost is offered, read under its lease, and seen as archived."""
    record_id = simulator.control.create_contacts(2)[0]
    simulator.control.delete_contact(record_id)

    sweep.turn()
    assert (offered, simulator.call_count(LIST)) == ([], 0)
    clock.at += timedelta(minutes=61)
    sweep.turn()

    assert [one.record_id for one in offered] == [record_id]
    assert double.state_of(f"work-{record_id}") == "archived"
    assert simulator.control.calls() == {LIST: 1, BATCH_READ: 2}
    sweep.turn()
    assert simulator.call_count(LIST) == 1


@pytest.mark.usefixtures("integration")
def test_only_what_was_archived_since_the_last_pass_is_offered(
    sweep: Sweep, clock: Clock, offered: list[work_service_pb2.PageRecord], simulator: Simulator
) -> None:
    """An older one has been offered before; the pass costs a listing call and nothing else."""
    first, second = simulator.control.create_contacts(2)
    simulator.control.delete_contact(first)
    clock.at += timedelta(minutes=61)
    sweep.turn()
    clock.at += timedelta(minutes=61)
    sweep.turn()
    assert [one.record_id for one in offered] == [first]
    assert simulator.call_count(LIST) == 2

    simulator.control.advance(7200)
    simulator.control.delete_contact(second)
    clock.at += timedelta(minutes=61)
    sweep.turn()
    assert [one.record_id for one in offered] == [first, second]


@pytest.mark.usefixtures("offered")
def test_a_pass_goes_on_where_it_was(
    sweep: Sweep, parts: Parts, integration: Integration, clock: Clock, simulator: Simulator
) -> None:
    """After its share of pages, or a crash, the next turn goes on at the next page; then the archive has been seen."""
    ids = simulator.control.create_contacts(150)
    for record_id in ids:
        simulator.control.delete_contact(record_id)
    clock.at += timedelta(minutes=61)
    simulator.control.fault(path="/crm/v3/objects/contacts", method="GET", skip=1, status=503)

    sweep.turn()
    before = parts.cursors.removed_pass(integration.integration_id)
    assert before is not None
    assert before.position
    parts.sweep(clock).turn()
    after = parts.cursors.removed_pass(integration.integration_id)

    assert after is not None
    assert (after.position, after.began_at, after.since) == ("", before.began_at, before.since)


@pytest.mark.usefixtures("offered")
def test_a_large_archive_takes_a_few_calls_at_a_time(
    parts: Parts, integration: Integration, clock: Clock, simulator: Simulator
) -> None:
    """However many records are in the archive, one turn lists only so many pages of it."""
    few = Removals(
        *(parts.cursors, parts.connections.crm, parts.job(), clock, parts.stop, time.monotonic, TIMING),
        pages_at_once=1,
    )
    for record_id in simulator.control.create_contacts(101):
        simulator.control.delete_contact(record_id)
    clock.at += timedelta(minutes=61)

    assert [few.sweep(integration) for _ in range(3)] == [1, 1, 0]
    assert simulator.call_count(LIST) == 2


@pytest.mark.usefixtures("offered")
def test_a_large_archive_is_looked_through_less_often(
    parts: Parts, integration: Integration, clock: Clock, simulator: Simulator
) -> None:
    """Each page that the last pass has read makes the next one later, so that an archive never uses up the quota."""
    slow = replace(TIMING, removed_page=3600.0)
    removals = Removals(*(parts.cursors, parts.connections.crm, parts.job(), clock, parts.stop, time.monotonic, slow))
    for record_id in simulator.control.create_contacts(101):
        simulator.control.delete_contact(record_id)

    pages = []
    for _ in range(4):
        clock.at += timedelta(minutes=61)
        pages.append(removals.sweep(integration))

    assert pages == [2, 0, 2, 0]


def test_l5_a_deletion_whose_event_was_lost_is_followed(
    real_parts: Parts, inside: LeadStore, clock: Clock, simulator: Simulator
) -> None:
    """With the real lead-store: no search shows it, the pass over the archive finds it, and the link is detached."""
    record_id = simulator.control.create_contact({"email": "ada@example.com"})
    integration_id = real_parts.connect().integration_id
    sweep = real_parts.sweep(clock)
    clock.at = now()
    sweep.turn()
    (lead,) = inside.all_leads()
    simulator.control.delete_contact(record_id)
    sweep.turn()
    assert inside.get(lead.lead_id).links[0].detached_reason == ""
    clock.at += timedelta(minutes=61)
    sweep.turn()

    assert inside.get(lead.lead_id).links[0].detached_reason == "record_archived"
    assert inside.status(integration_id).found_by_sweep == 2  # the contact itself, and its deletion
