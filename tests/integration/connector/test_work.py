"""The work on leased records, against the HubSpot simulator and a double of lead-store."""

import socket
import time
from typing import Any

import pytest
import structlog
from crm_connector.bootstrap import now
from crm_connector.clients.lead_store import GrpcLeadStore
from crm_connector.domain.batch_size import MAX_BATCH_SIZE, BatchSize
from crm_connector.domain.errors import StoreUnavailableError
from crm_connector.domain.observation import Lease, Observation, Present
from crm_connector.providers.hubspot.defaults import DEFAULT_MAPPING
from crm_connector.providers.hubspot.provider import HubSpot, HubSpotCrm
from crm_connector.usecases.work import Job
from integration.connector import builders, hub, processes
from integration.connector.builders import a_batch, record_leases
from integration.connector.hub import BATCH_READ, BATCH_UPDATE, BATCH_UPSERT, SINGLE_GET, Simulator
from integration.connector.lead_store_double import StoreDouble
from integration.connector.rig import TIMING
from leadsync.sync.v1 import sync_pb2, work_service_pb2


def a_job(store: GrpcLeadStore, provider: HubSpot, token: str = hub.TOKEN) -> Job:
    """A job for another client or token of the simulator's account."""
    crm = provider.connect(builders.an_integration(), hub.StaticToken(token))
    return Job(store, lambda _: crm, TIMING)


@pytest.fixture
def job(store: GrpcLeadStore, crm: HubSpotCrm) -> Job:
    """The job under test."""
    return Job(store, lambda _: crm, TIMING)


def test_a_hundred_due_records_cost_one_read_call(job: Job, double: StoreDouble, simulator: Simulator) -> None:
    """A hundred due records are read by one call and decided by one."""
    ids = simulator.control.create_contacts(100)

    job.run(a_batch(*record_leases(ids)))

    assert {"present"} == {seen.WhichOneof("state") for seen in double.observations}
    assert simulator.control.calls() == {BATCH_READ: 1}


def test_a_hundred_writes_cost_one_write_call(job: Job, double: StoreDouble, simulator: Simulator) -> None:
    """A hundred updates leave as one call and settle as done, with HubSpot's spelling."""
    ids = simulator.control.create_contacts(100)
    double.decide = lambda seen: builders.update(seen, first_name="Ada", email=f"{seen.present.record_id}@Example.COM")

    job.run(a_batch(*record_leases(ids)))

    assert simulator.control.calls() == {BATCH_READ: 1, BATCH_UPDATE: 1}
    assert len(double.results) == 100
    done = double.result_of(f"work-{ids[0]}").done
    assert ids[0] == done.record_id
    assert {"first_name": "Ada", "email": f"{ids[0]}@example.com"} == {r.field: r.crm for r in done.readings}
    assert done.HasField("modified_at")


def test_a_property_without_a_value_is_a_blank_reading(job: Job, double: StoreDouble, simulator: Simulator) -> None:
    """A property without a value is a blank reading, and our marks and the time come along."""
    record_id = simulator.control.create_contact(
        {"email": "ada@example.com", "lead_source_system": "jazzaam", "leadsync_lead_id": "lead-1"}
    )

    job.run(a_batch(*record_leases([record_id])))

    present = double.observations[0].present
    readings = {reading.field: reading.value for reading in present.readings}
    assert {name: readings[name] for name in ("email", "phone")} == {"email": "ada@example.com", "phone": ""}
    assert (present.source_system, present.marked_lead_id) == ("jazzaam", "lead-1")
    url = f"{simulator.url}/contacts/{hub.PORTAL_ID}/record/0-1/{record_id}"
    assert (present.object, present.record_url, list(present.history_of)) == ("contact", url, [])
    assert present.modified_at.ToMilliseconds() > 0


def test_an_archived_record_is_seen_as_archived(job: Job, double: StoreDouble, simulator: Simulator) -> None:
    """A record in the archive is found there by one more call, whatever its number."""
    ids = simulator.control.create_contacts(3)
    for record_id in ids[:2]:
        simulator.control.delete_contact(record_id)

    job.run(a_batch(*record_leases(ids)))

    assert [double.state_of(f"work-{record_id}") for record_id in ids] == ["archived", "archived", "present"]
    assert simulator.control.calls() == {BATCH_READ: 2}


def test_an_unknown_record_is_absent_after_a_single_read(job: Job, double: StoreDouble, simulator: Simulator) -> None:
    """An id that neither batch knows is read singly, and a 404 there is an absence."""
    job.run(a_batch(*record_leases(["123"])))

    assert double.state_of("work-123") == "absent"
    assert simulator.call_count(SINGLE_GET) == 1


def test_a_merged_record_names_its_survivor(job: Job, double: StoreDouble, simulator: Simulator) -> None:
    """An id that was merged away is observed as merged into the survivor, which names it."""
    first, second = simulator.control.create_contacts(2)
    survivor = simulator.control.merge(first, second)

    job.run(a_batch(*record_leases([second, survivor])))

    assert survivor == next(s for s in double.observations if s.work_item_id == f"work-{second}").merged.into_record_id
    seen = next(s for s in double.observations if s.work_item_id == f"work-{survivor}")
    assert second in seen.present.merged_record_ids


def test_a_records_further_emails_are_observed(job: Job, double: StoreDouble, simulator: Simulator) -> None:
    """HubSpot's additional e-mails come with the record, also those of a contact that was merged into it."""
    first = simulator.control.create_contact({"email": "a@example.com", "hs_additional_emails": "b@example.com"})
    second = simulator.control.create_contact({"email": "c@example.com"})
    survivor = simulator.control.merge(first, second)
    alone = simulator.control.create_contact({"email": "d@example.com"})

    job.run(a_batch(*record_leases([survivor, alone])))

    seen = {one.work_item_id: list(one.present.other_emails) for one in double.observations}
    assert seen == {f"work-{survivor}": ["b@example.com", "c@example.com"], f"work-{alone}": []}


def test_missing_scopes_are_unreadable_never_absent(
    store: GrpcLeadStore, provider: HubSpot, double: StoreDouble, simulator: Simulator
) -> None:
    """R14: a 403 says nothing about a record."""
    record_id = simulator.control.create_contact({"email": "ada@example.com"})
    simulator.control.add_token(token="pat-na1-blind", scopes=["oauth"])

    a_job(store, provider, "pat-na1-blind").run(a_batch(*record_leases([record_id])))

    assert double.observations[0].unreadable.reason == "missing_scopes"


def test_r6_a_create_looks_for_the_mark_and_the_email_first(
    job: Job, double: StoreDouble, simulator: Simulator
) -> None:
    """R6: leads without a record are looked for by mark, then by any of a record's e-mails, never by search."""
    marked = simulator.control.create_contact({"email": "a@example.com", "leadsync_lead_id": "lead-a"})
    by_email = simulator.control.create_contact({"email": "b@example.com"})
    leases = [
        Lease("work-a", 1, lead_id="lead-a", email="other@example.com"),
        Lease("work-b", 1, lead_id="lead-b", email="B@example.com"),
        Lease("work-c", 1, lead_id="lead-c", email="c@example.com"),
        Lease("work-d", 1, lead_id="lead-d"),
    ]

    job.run(a_batch(*leases))

    found = {seen.work_item_id: seen.present.record_id for seen in double.observations}
    assert {"work-a": marked, "work-b": by_email, "work-c": "", "work-d": ""} == found
    assert [double.state_of("work-c"), double.state_of("work-d")] == ["absent", "absent"]
    assert simulator.control.calls() == {BATCH_READ: 2}


def test_r6_a_contact_is_found_in_any_spelling_of_its_email(
    job: Job, double: StoreDouble, simulator: Simulator
) -> None:
    """R6: the CRM is asked for each spelling that lead-store would match, so that no second contact is made."""
    found = simulator.control.create_contact({"email": "ada@xn--bcher-kva.de"})
    spellings = ("ada@bücher.de", "ada@xn--bcher-kva.de")

    job.run(a_batch(Lease("work-a", 1, lead_id="lead-a", email=spellings[0], emails=spellings)))

    assert [seen.present.record_id for seen in double.observations] == [found]
    assert simulator.control.calls() == {BATCH_READ: 2}


def test_a_create_carries_both_marks_and_repeats_into_one_record(
    job: Job, double: StoreDouble, simulator: Simulator
) -> None:
    """A create is an upsert on our mark: carried out twice, it leaves one record."""
    double.decide = lambda seen: builders.create(seen, "lead-1", email="ada@example.com", first_name="Ada")

    for _ in range(2):
        job.run(a_batch(Lease("work-1", 1, lead_id="lead-1", email="ada@example.com")))

    (contact,) = simulator.control.contacts()
    assert (
        contact["properties"]["lead_source_system"],
        contact["properties"]["leadsync_lead_id"],
    ) == ("jazzaam", "lead-1")
    assert [contact["id"]] * 2 == [result.done.record_id for result in double.results]
    assert simulator.call_count(BATCH_UPSERT) == 2


def test_history_is_read_when_asked_for(job: Job, double: StoreDouble, simulator: Simulator) -> None:
    """NEEDS_HISTORY reads again with history, which says which versions are our own."""
    record_id = simulator.control.create_contact({"email": "ada@example.com", "firstname": "Ada"})

    def decide(seen: sync_pb2.Observation) -> sync_pb2.Decision:
        outcome = sync_pb2.OUTCOME_UNCHANGED if seen.present.with_history else sync_pb2.OUTCOME_NEEDS_HISTORY
        return sync_pb2.Decision(work_item_id=seen.work_item_id, outcome=outcome)

    double.decide = lambda seen: builders.update(seen, first_name="Augusta")
    job.run(a_batch(*record_leases([record_id])))
    double.decide = decide
    simulator.control.reset_calls()

    job.run(a_batch(*record_leases([record_id])))

    present = double.observations[-1].present
    assert sorted(present.history_of) == sorted(DEFAULT_MAPPING)
    reading = next(r for r in present.readings if r.field == "first_name")
    assert [(version.value, version.ours) for version in reading.versions] == [("Augusta", True), ("Ada", False)]
    assert reading.versions[0].source == "INTEGRATION:39522895"
    assert simulator.control.calls() == {BATCH_READ: 2}


def test_history_is_read_fifty_at_a_time(job: Job, double: StoreDouble, simulator: Simulator) -> None:
    """HubSpot gives history for fifty records a call."""
    ids = simulator.control.create_contacts(100)

    job.run(a_batch(*record_leases(ids, history=True)))

    assert all(seen.present.with_history for seen in double.observations)
    assert simulator.control.calls() == {BATCH_READ: 2}


def test_what_is_never_decided_is_released(job: Job, double: StoreDouble, simulator: Simulator) -> None:
    """A record that lead-store wants to see again and again is given back in the end."""
    record_id = simulator.control.create_contact({"email": "ada@example.com"})
    double.decide = lambda seen: sync_pb2.Decision(
        work_item_id=seen.work_item_id, outcome=sync_pb2.OUTCOME_NEEDS_READING
    )

    job.run(a_batch(*record_leases([record_id])))

    (release,) = double.releases
    assert (release.kind, release.reason) == (work_service_pb2.RELEASE_KIND_RETRY, "undecided")


def test_one_bad_record_does_not_stop_its_batch(job: Job, double: StoreDouble, simulator: Simulator) -> None:
    """R21: of ten updates with one bad value nine settle as done, and the bad one names its field."""
    ids = simulator.control.create_contacts(10)
    bad = ids[3]
    double.decide = lambda seen: builders.update(
        seen, email="no-email" if seen.present.record_id == bad else "", phone="1"
    )

    job.run(a_batch(*record_leases(ids)))

    refused = double.result_of(f"work-{bad}").refused
    assert (refused.reason, list(refused.fields)) == ("invalid_email", ["email"])
    assert sum(result.HasField("done") for result in double.results) == 9


def test_a_batch_that_is_refused_as_a_whole_is_split(job: Job, double: StoreDouble, simulator: Simulator) -> None:
    """An upsert that fails as a whole for one taken e-mail is sent in halves until only that one is left."""
    holder = simulator.control.create_contact({"email": "taken@example.com"})
    leases = [Lease(f"work-{n}", 1, lead_id=f"lead-{n}") for n in range(8)]

    def decide(seen: sync_pb2.Observation) -> sync_pb2.Decision:
        number = seen.work_item_id.removeprefix("work-")
        email = "taken@example.com" if number == "5" else f"new{number}@example.com"
        return builders.create(seen, f"lead-{number}", email=email)

    double.decide = decide
    job.run(a_batch(*leases))

    assert list(double.result_of("work-5").duplicate.record_ids) == [holder]
    assert sum(result.HasField("done") for result in double.results) == 7
    assert len(simulator.control.contacts()) == 8


def test_an_update_of_a_merged_away_record_was_not_sent(job: Job, double: StoreDouble, simulator: Simulator) -> None:
    """HubSpot drops merged-away ids from a batch update in silence; we call that record_missing."""
    first, second, third = simulator.control.create_contacts(3)

    def decide(seen: sync_pb2.Observation) -> sync_pb2.Decision:
        if seen.present.record_id == third:  # the last one: all are read by now
            simulator.control.merge(first, second)
        return builders.update(seen, phone="1")

    double.decide = decide
    job.run(a_batch(*record_leases([first, second, third])))

    assert double.result_of(f"work-{second}").not_sent.reason == "record_missing"
    assert double.result_of(f"work-{third}").HasField("done")


@pytest.mark.usefixtures("crm")
def test_a_write_that_timed_out_has_no_result(store: GrpcLeadStore, double: StoreDouble, simulator: Simulator) -> None:
    """A write whose answer does not come may have landed: nothing is settled, nothing is released."""
    record_id = simulator.control.create_contact({"email": "ada@example.com"})
    double.decide = lambda seen: builders.update(seen, phone="1")
    simulator.control.fault(path="/crm/v3/objects/contacts/batch/update", answer_delay_seconds=3)

    with hub.hubspot(simulator.url, timeout=1.0) as hasty:
        a_job(store, hasty).run(a_batch(*record_leases([record_id])))

    assert (double.results, double.releases) == ([], [])
    assert simulator.control.contact(record_id)["properties"]["phone"] == "1"


@pytest.mark.parametrize("status", [500, 502, 504])
def test_a_write_answered_by_a_server_error_has_no_result(
    job: Job, double: StoreDouble, simulator: Simulator, status: int
) -> None:
    """Nobody knows what a server did before it failed."""
    record_id = simulator.control.create_contact({"email": "ada@example.com"})
    double.decide = lambda seen: builders.update(seen, phone="1")
    simulator.control.fault(path="/crm/v3/objects/contacts/batch/update", status=status)

    job.run(a_batch(*record_leases([record_id])))

    assert (double.results, double.releases) == ([], [])


def test_a_write_cut_off_after_sending_has_no_result(job: Job, double: StoreDouble, simulator: Simulator) -> None:
    """A connection that breaks after the request may have carried it."""
    record_id = simulator.control.create_contact({"email": "ada@example.com"})
    double.decide = lambda seen: builders.update(seen, phone="1")
    simulator.control.fault(path="/crm/v3/objects/contacts/batch/update", drop_connection_after=True)

    job.run(a_batch(*record_leases([record_id])))

    assert (double.results, double.releases) == ([], [])


def test_a_write_over_quota_was_not_sent(job: Job, double: StoreDouble, simulator: Simulator) -> None:
    """A 429 did nothing: the write is tried again after ten seconds."""
    record_id = simulator.control.create_contact({"email": "ada@example.com"})
    double.decide = lambda seen: builders.update(seen, phone="1")
    body = {"status": "error", "policyName": "TEN_SECONDLY_ROLLING", "errorType": "RATE_LIMIT", "message": "limit"}
    simulator.control.fault(path="/crm/v3/objects/contacts/batch/update", status=429, body=body)

    job.run(a_batch(*record_leases([record_id])))

    not_sent = double.results[0].not_sent
    assert (not_sent.reason, not_sent.retry_after_ms) == ("rate_limited", 10_000)


def test_r4_a_write_is_not_sent_late(job: Job, double: StoreDouble, simulator: Simulator) -> None:
    """R4: with less than the timeout plus ten seconds left of the lease, nothing leaves."""
    record_id = simulator.control.create_contact({"email": "ada@example.com"})
    double.decide = lambda seen: builders.update(seen, phone="1")
    late = a_batch(*record_leases([record_id]), age=45.0)
    page = [Observation(f"work-{record_id}", 1, Present(record_id, now()), read_before_lease=True)]

    job.run(late, page=page)

    assert double.results[0].not_sent.reason == "lease_too_short"
    assert simulator.call_count(BATCH_UPDATE) == 0


def test_r4_a_record_is_not_read_when_its_write_would_be_late(
    job: Job, double: StoreDouble, simulator: Simulator
) -> None:
    """R4: a lease of which too little is left is given back instead of read for nothing."""
    late = a_batch(*record_leases(["1"]), age=45.0)

    job.run(late)

    assert [release.reason for release in double.releases] == ["lease_too_short"]
    assert simulator.control.calls() == {}


def test_a_lease_that_was_old_from_the_start_makes_no_batch_smaller(store: GrpcLeadStore, crm: HubSpotCrm) -> None:
    """A call that was held for long says nothing about how many records can be worked off in time."""
    size = BatchSize()
    late = a_batch(*record_leases(["1"]), age=45.0)

    Job(store, lambda _: crm, TIMING, size=size).run(late)

    assert size.now == MAX_BATCH_SIZE


def test_a_crm_that_cannot_be_reached_makes_work_wait(store: GrpcLeadStore, double: StoreDouble) -> None:
    """A refused connection counts no attempt: the work items wait."""
    with hub.hubspot(f"http://127.0.0.1:{processes.free_port()}") as unreachable:
        a_job(store, unreachable).run(a_batch(*record_leases(["1", "2"])))

    assert [release.reason for release in double.releases] == ["crm_unavailable"] * 2
    assert {work_service_pb2.RELEASE_KIND_WAITING} == {release.kind for release in double.releases}


def test_a_refused_token_makes_work_wait(store: GrpcLeadStore, provider: HubSpot, double: StoreDouble) -> None:
    """A 401 needs a person, and the work waits for them."""
    a_job(store, provider, "pat-na1-wrong").run(a_batch(*record_leases(["1"])))

    (release,) = double.releases
    assert (release.kind, release.reason) == (work_service_pb2.RELEASE_KIND_WAITING, "crm_auth_failed")
    assert release.retry_after_ms == 60_000


def test_settling_is_repeated_while_the_lease_lasts(job: Job, double: StoreDouble, simulator: Simulator) -> None:
    """lead-store being away for a moment loses no result."""
    record_id = simulator.control.create_contact({"email": "ada@example.com"})
    double.decide = lambda seen: builders.update(seen, phone="1")
    double.unavailable = 3

    job.run(a_batch(*record_leases([record_id])))

    assert double.results[0].HasField("done")


def test_a_broken_part_releases_its_batch(store: GrpcLeadStore, double: StoreDouble) -> None:
    """An error that nobody expected ends neither the process nor the work."""

    def broken(_: str) -> HubSpotCrm:
        raise RuntimeError

    Job(store, broken, TIMING).run(a_batch(*record_leases(["1"])))

    (release,) = double.releases
    assert (release.kind, release.reason) == (work_service_pb2.RELEASE_KIND_RETRY, "connector_error")


def test_a_decided_write_leaves_although_a_later_reading_fails(
    job: Job, double: StoreDouble, simulator: Simulator
) -> None:
    """One record that needs another look, which fails, holds up no write that is decided."""
    first, second = simulator.control.create_contacts(2)

    def decide(seen: sync_pb2.Observation) -> sync_pb2.Decision:
        if seen.present.record_id == first:
            return builders.update(seen, phone="1")
        return sync_pb2.Decision(work_item_id=seen.work_item_id, outcome=sync_pb2.OUTCOME_NEEDS_HISTORY)

    double.decide = decide
    simulator.control.fault(path="/crm/v3/objects/contacts/batch/read", skip=1, status=503)
    job.run(a_batch(*record_leases([first, second])))

    assert double.result_of(f"work-{first}").HasField("done")
    assert [(release.work_item_id, release.reason) for release in double.releases] == [(f"work-{second}", "crm_error")]


@pytest.mark.parametrize("closer_look", [{"method": "GET"}, {"path": "/crm/v3/objects/contacts/batch/read", "skip": 1}])
def test_a_missing_record_that_hubspot_fails_on_stops_no_other(
    job: Job, double: StoreDouble, simulator: Simulator, closer_look: dict[str, Any]
) -> None:
    """What a batch left out is looked for closer: a server error there leaves only that record undecided."""
    record_id = simulator.control.create_contact({"email": "ada@example.com"})
    double.decide = lambda seen: builders.update(seen, phone="1")
    simulator.control.fault(status=502, times=None, **closer_look)

    job.run(a_batch(*record_leases([record_id, "424242"])))

    assert simulator.control.contact(record_id)["properties"]["phone"] == "1"
    assert [(release.work_item_id, release.reason) for release in double.releases] == [("work-424242", "crm_error")]


def test_a_refused_reconcile_gives_the_work_back(job: Job, double: StoreDouble, simulator: Simulator) -> None:
    """A call that lead-store will never take counts as an attempt, so that it fails in the end and is seen."""
    record_id = simulator.control.create_contact({"email": "ada@example.com"})
    double.refused = 1

    job.run(a_batch(*record_leases([record_id])))

    (release,) = double.releases
    expected = (work_service_pb2.RELEASE_KIND_RETRY, "lead_store_invalid_argument")
    assert (release.kind, release.reason) == expected


@pytest.mark.parametrize("version", ["2025-09", "2026-03", "2026-09"])
@pytest.mark.usefixtures("crm")
def test_dated_api_versions_work_alike(
    store: GrpcLeadStore, double: StoreDouble, simulator: Simulator, version: str
) -> None:
    """Reading and writing, with a bad value among good ones, work under every version of the API."""
    ids = simulator.control.create_contacts(3)
    bad = ids[1]
    double.decide = lambda seen: builders.update(seen, email="no-email" if seen.present.record_id == bad else "")

    with hub.hubspot(simulator.url, version=version) as dated:
        a_job(store, dated).run(a_batch(*record_leases([*ids, "123"])))

    assert double.state_of("work-123") == "absent"
    assert double.result_of(f"work-{bad}").refused.reason == "invalid_email"
    assert sum(result.HasField("done") for result in double.results) == 2


def test_r4_a_connection_that_came_late_carries_no_write(
    store: GrpcLeadStore, double: StoreDouble, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R4: when looking up the name takes longer than connecting may, nothing is sent on the connection."""
    look_up = socket.getaddrinfo

    def slowly(host: Any, port: Any, *args: Any, **more: Any) -> Any:
        if str(port) in simulator.url:
            time.sleep(0.4)  # the connect timeout is 0.3 s
        return look_up(host, port, *args, **more)

    with hub.hubspot(simulator.url, timeout=1.0) as hasty:
        monkeypatch.setattr(socket, "getaddrinfo", slowly)
        a_job(store, hasty).run(a_batch(*record_leases(["1"])))

    assert [release.reason for release in double.releases] == ["crm_unavailable"]
    assert simulator.call_count(BATCH_READ) == 0


def test_our_database_being_away_makes_work_wait(store: GrpcLeadStore, double: StoreDouble) -> None:
    """Without the integration's document nothing can be read; the work is given back and counts no attempt."""

    def away(_: str) -> HubSpotCrm:
        raise StoreUnavailableError("store_unavailable")

    Job(store, away, TIMING).run(a_batch(*record_leases(["1"])))

    (release,) = double.releases
    assert (release.kind, release.reason) == (work_service_pb2.RELEASE_KIND_WAITING, "store_unavailable")


def test_a_result_that_does_not_settle_is_sent_again(job: Job, double: StoreDouble, simulator: Simulator) -> None:
    """A result that lost against another change of its lead settles at the next try; the others are not repeated."""
    ids = simulator.control.create_contacts(3)
    double.decide = lambda seen: builders.update(seen, phone="1")
    double.contended = 2

    job.run(a_batch(*record_leases(ids)))

    sent = [result.work_item_id.removeprefix("work-") for result in double.results]
    assert sent == [*ids, ids[0], ids[1]]


def test_r4_leases_that_are_too_short_for_any_write_are_reported_once(job: Job, simulator: Simulator) -> None:
    """R4: with such leases nothing would ever be written, so it is logged, but not again and again."""
    ids = simulator.control.create_contacts(1)

    with structlog.testing.capture_logs() as logged:
        for seconds in (21.0, 20.0, 20.0):
            job.run(a_batch(*record_leases(ids), seconds=seconds))

    errors = [entry for entry in logged if entry["log_level"] == "error"]
    assert [(entry["event"], entry["needed_seconds"]) for entry in errors] == [("leases_too_short", 21.0)]


def test_what_became_of_a_batch_is_counted(job: Job, double: StoreDouble, simulator: Simulator) -> None:
    """Decisions by name; what is still due waits."""
    ids = simulator.control.create_contacts(3)
    outcomes = dict(
        zip(ids, (sync_pb2.OUTCOME_CREATED, sync_pb2.OUTCOME_RELEASED, sync_pb2.OUTCOME_NEEDS_READING), strict=True)
    )
    double.decide = lambda seen: sync_pb2.Decision(
        work_item_id=seen.work_item_id, outcome=outcomes[seen.present.record_id]
    )

    assert job.run(a_batch(*record_leases(ids))) == {"created": 1, "waiting": 2}
