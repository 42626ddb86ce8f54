"""Records that HubSpot shows in another form than it documents: each waits alone, and the others are worked."""

from datetime import timedelta
from typing import Any

import pytest
from crm_connector.bootstrap import now
from crm_connector.clients.lead_store import GrpcLeadStore
from crm_connector.domain.observation import Lease
from crm_connector.domain.run import RunKind
from crm_connector.providers.hubspot.provider import HubSpotCrm
from crm_connector.usecases.work import Job
from integration.connector import builders
from integration.connector.builders import a_batch, record_leases
from integration.connector.hub import BATCH_READ, Simulator
from integration.connector.lead_store_double import StoreDouble, lease_all
from integration.connector.rig import TIMING, Parts
from leadsync.sync.v1 import work_service_pb2

# What becomes of the text `BAD` in an answer, so that its record cannot be decoded.
BAD_ANSWERS = {
    "an unpaired surrogate": {'"BAD"': '"\\ud83d"'},
    "a list": {'"BAD"': '["BAD"]'},
    "no JSON": {'"BAD"': '"BAD'},
}
RETRY = work_service_pb2.RELEASE_KIND_RETRY


@pytest.fixture
def job(store: GrpcLeadStore, crm: HubSpotCrm) -> Job:
    """The job under test."""
    return Job(store, lambda _: crm, TIMING)


def spoil(simulator: Simulator, replace: dict[str, str]) -> None:
    """Spoil every answer that shows values of contacts."""
    for path in ("/crm/v3/objects/contacts/batch/read", "/crm/v3/objects/contacts/search", "/crm/v3/objects/contacts"):
        simulator.control.fault(path=path, times=None, replace=replace)


@pytest.mark.parametrize("how", sorted(BAD_ANSWERS))
def test_a_record_that_cannot_be_decoded_waits_alone(
    job: Job, double: StoreDouble, simulator: Simulator, how: str
) -> None:
    """Of six records one has a value that no decoder takes: the five others are decided, and it waits."""
    ids = simulator.control.create_contacts(6)
    simulator.control.edit_contact(ids[2], {"firstname": "BAD"})
    spoil(simulator, BAD_ANSWERS[how])

    job.run(a_batch(*record_leases(ids)))

    assert sorted(double.observed_ids()) == sorted({*ids} - {ids[2]})
    (release,) = double.releases
    assert (release.work_item_id, release.kind, release.reason) == (f"work-{ids[2]}", RETRY, "crm_answer_unreadable")


def test_a_lead_whose_record_cannot_be_decoded_gets_no_second_record(
    job: Job, double: StoreDouble, simulator: Simulator
) -> None:
    """R6: a lead looks for its record by mark and e-mail. One that is there and cannot be read is not absent."""
    marked = simulator.control.create_contact({"firstname": "BAD", "email": "a@b.co", "leadsync_lead_id": "lead-1"})
    by_email = simulator.control.create_contact({"firstname": "BAD", "email": "c@d.co"})
    spoil(simulator, BAD_ANSWERS["a list"])
    leases = [Lease(f"work-{n}", 1, lead_id=f"lead-{n}", email=email) for n, email in [(1, "a@b.co"), (2, "c@d.co")]]

    job.run(a_batch(*leases, Lease("work-3", 1, lead_id="lead-3", email="e@f.co")))

    assert (len(marked), double.state_of("work-3"), len(double.observations)) == (len(by_email), "absent", 1)
    assert {release.work_item_id for release in double.releases} == {"work-1", "work-2"}


def test_values_that_are_no_texts_are_read(job: Job, double: StoreDouble, simulator: Simulator) -> None:
    """Numbers and booleans in the place of texts are read as they are written, also as the id."""
    ids = simulator.control.create_contacts(3)
    simulator.control.edit_contact(ids[0], {"firstname": "NUMBER", "lastname": "BOOLEAN"})
    spoil(simulator, {'"NUMBER"': "12.50", '"BOOLEAN"': "true", f'"id":"{ids[1]}"': f'"id":{ids[1]}'})

    job.run(a_batch(*record_leases(ids)))

    assert sorted(double.observed_ids()) == sorted(ids)
    seen = next(one for one in double.observations if one.present.record_id == ids[0])
    values = {reading.field: reading.value for reading in seen.present.readings}
    assert (values["first_name"], values["last_name"]) == ("12.50", "true")


@pytest.mark.parametrize("replace", [{'"properties":{': '"properties":null,"x":{'}, {'"lastmodifieddate"': '"x"'}])
def test_a_record_without_properties_or_time_waits(
    job: Job, double: StoreDouble, simulator: Simulator, replace: dict[str, str]
) -> None:
    """Nothing is known of it: it is neither blank nor absent."""
    (record_id,) = simulator.control.create_contacts(1)
    spoil(simulator, {**replace, '"updatedAt"': '"y"'})

    job.run(a_batch(*record_leases([record_id])))

    assert double.observations == []
    assert [(one.kind, one.reason) for one in double.releases] == [(RETRY, "crm_answer_unreadable")]


@pytest.mark.parametrize("shown", ["true", '" 7"'])
def test_a_record_that_shows_no_id_is_not_taken_for_a_merged_one(
    job: Job, double: StoreDouble, simulator: Simulator, shown: str
) -> None:
    """A contact that answers with another id was merged; one that answers with no id waits."""
    ids = simulator.control.create_contacts(3)
    simulator.control.fault(path="/crm/v3/objects/contacts", times=None, replace={f'"id":"{ids[1]}"': f'"id":{shown}'})

    job.run(a_batch(*record_leases(ids)))

    assert sorted(double.observed_ids()) == sorted({ids[0], ids[2]})
    assert [(one.work_item_id, one.reason) for one in double.releases] == [(f"work-{ids[1]}", "crm_answer_unreadable")]


def test_an_answer_that_is_too_slow_is_asked_for_in_smaller_parts(
    store: GrpcLeadStore, double: StoreDouble, crm: HubSpotCrm, simulator: Simulator
) -> None:
    """After an answer that came too late, the next call asks for half as many records."""
    ids = simulator.control.create_contacts(8)
    crm.client.budget.note_read(8, slow=True)

    Job(store, lambda _: crm, TIMING).run(a_batch(*record_leases(ids)))

    assert sorted(double.observed_ids()) == sorted(ids)
    assert simulator.call_count(BATCH_READ) == 2


@pytest.mark.parametrize("how", sorted(BAD_ANSWERS))
def test_a_page_with_a_bad_record_stops_no_import(
    parts: Parts, double: StoreDouble, simulator: Simulator, how: str
) -> None:
    """The import goes on to its end; the bad record counts as waiting, and has a work item with a reason."""
    double.page = lease_all
    ids = simulator.control.create_contacts(120)
    simulator.control.edit_contact(ids[50], {"firstname": "BAD"})
    made = parts.connect()
    spoil(simulator, BAD_ANSWERS[how])

    run = parts.ended(parts.start(made, RunKind.IMPORT))

    assert (run.state.value, run.outcomes["unchanged"], run.outcomes["waiting"]) == ("succeeded", 119, 1)
    assert [(one.work_item_id, one.reason) for one in double.releases] == [(f"work-{ids[50]}", "crm_answer_unreadable")]


@pytest.mark.parametrize("how", sorted(BAD_ANSWERS))
def test_a_page_with_a_bad_record_stops_no_sweep(
    parts: Parts, double: StoreDouble, simulator: Simulator, how: str
) -> None:
    """The sweep goes on behind the page to its end, and its cursor moves."""
    double.page = lease_all
    made = parts.connect()
    ids = simulator.control.create_contacts(150)
    simulator.control.edit_contact(ids[-1], {"firstname": "BAD"})
    spoil(simulator, BAD_ANSWERS[how])

    parts.sweep(lambda: now() + timedelta(hours=1)).sweep(made)

    assert set(double.observed_ids()) == {*ids} - {ids[-1]}
    assert {(one.work_item_id, one.reason) for one in double.releases} == {(f"work-{ids[-1]}", "crm_answer_unreadable")}
    assert parts.cursors.get(made.integration_id) is not None


def test_a_dry_run_counts_a_bad_record_as_waiting(parts: Parts, simulator: Simulator) -> None:
    """A plan is made for all others."""
    ids = simulator.control.create_contacts(10)
    simulator.control.edit_contact(ids[3], {"firstname": "BAD"})
    made = parts.connect()
    spoil(simulator, BAD_ANSWERS["an unpaired surrogate"])

    run = parts.ended(parts.start(made, RunKind.IMPORT, dry_run=True))

    assert (run.state.value, run.outcomes["created"], run.outcomes["waiting"]) == ("succeeded", 9, 1)


def test_a_bad_answer_to_a_write_leaves_only_its_write_open(
    job: Job, double: StoreDouble, simulator: Simulator
) -> None:
    """The other writes settle; of this one the next reading shows what became of it."""
    ids = simulator.control.create_contacts(3)
    names: dict[str, Any] = {ids[1]: "BAD"}
    double.decide = lambda seen: builders.update(seen, first_name=names.get(seen.present.record_id, "Ada"))
    path = "/crm/v3/objects/contacts/batch/update"
    simulator.control.fault(path=path, times=None, replace=BAD_ANSWERS["a list"])

    job.run(a_batch(*record_leases(ids)))

    assert sorted(result.work_item_id for result in double.results) == sorted(f"work-{ids[n]}" for n in (0, 2))
