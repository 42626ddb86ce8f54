"""Imports and pushes, on real storage, the HubSpot simulator and a real lead-store."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from crm_connector.clients.lead_store import GrpcLeadStore
from crm_connector.domain.changes import Changes
from crm_connector.domain.errors import NotFoundError, PreconditionError, StoreUnavailableError
from crm_connector.domain.integration import Integration
from crm_connector.domain.run import Run, RunKind, RunState
from crm_connector.usecases.loop import WorkLoop
from integration.connector import builders, hub
from integration.connector.builders import FROM_CRM, TENANT, TO_CRM
from integration.connector.hub import BATCH_UPSERT, LIST, SEARCH, Simulator
from integration.connector.lead_store_double import StoreDouble
from integration.connector.processes import wait_until
from integration.connector.rig import TIMING, Parts
from lead_store_calls import LeadStore, touch
from leadsync.lead.v1 import lead_pb2
from pymongo.database import Database
from sizes import FULL


def connected(parts: Parts, simulator: Simulator, **changes: Any) -> Integration:
    """Connect the simulator's account; calls are counted from here."""
    made = parts.connect(**changes)
    simulator.control.reset_calls()
    return made


def an_import(parts: Parts, made: Integration, request_id: str = "") -> Run:
    """Start an import."""
    return parts.runs.start(TENANT, made.integration_id, RunKind.IMPORT, request_id)


def lead_count(inside: LeadStore) -> int:
    """Number of leads."""
    return inside.database.leads.count_documents({})


def leads(inside: LeadStore, count: int) -> list[str]:
    """Make leads."""
    with ThreadPoolExecutor(4) as pool:
        made = pool.map(lambda n: inside.create(email=f"lead{n}@example.com", first_name="Lea"), range(count))
        return [lead.lead_id for lead in made]


def test_an_import_takes_one_call_per_hundred_records(
    real_parts: Parts,
    inside: LeadStore,
    simulator: Simulator,
) -> None:
    """Contacts become leads, a hundred by a call, and by one search; a second import changes nothing."""
    count = 1_000 if FULL else 300
    simulator.control.create_contacts(count)
    made = connected(real_parts, simulator)
    runner = real_parts.runner()

    done = real_parts.ended(an_import(real_parts, made), runner)

    assert (done.state, done.done, done.total) == (RunState.SUCCEEDED, count, count)
    assert done.outcomes == {"created": count}
    calls = simulator.control.calls()
    assert (calls.pop(SEARCH), sum(calls.values()) <= count / 100 + 2, lead_count(inside)) == (1, True, count)
    assert done.calls == 1 + sum(calls.values())
    assert (done.rate(done.created_at) > 0, done.reason) == (True, "")

    again = real_parts.ended(an_import(real_parts, made), runner)

    assert (again.outcomes, lead_count(inside)) == ({"unchanged": count}, count)


def test_an_import_goes_on_where_it_was(
    real_parts: Parts,
    inside: LeadStore,
    simulator: Simulator,
    db: Database[dict[str, Any]],
) -> None:
    """A runner that died in the middle of a page is replaced once its lease has ended; no lead comes twice."""
    simulator.control.create_contacts(400)
    made = connected(real_parts, simulator)
    run = an_import(real_parts, made)
    first = real_parts.runner()
    for _ in range(2):
        first.turn()
    dead = real_parts.stored_runs.claim("dead", [])
    assert dead is not None
    crm = real_parts.connections.crm(made.integration_id)
    real_parts.job().run_page(made.integration_id, crm.all_records(dead.position, builders.soon()).records)

    second = real_parts.runner()
    second.turn()
    assert (real_parts.run(run).done, lead_count(inside)) == (200, 300)

    db.runs.update_one({"_id": run.run_id}, {"$set": {"until": datetime(2026, 1, 1, tzinfo=UTC)}})
    simulator.control.reset_calls()
    done = real_parts.ended(run, second)

    assert not real_parts.stored_runs.keep(dead.imported({"created": 100}, 1, "x"), "dead", release=True)
    assert (done.state, done.done, lead_count(inside)) == (RunState.SUCCEEDED, 400, 400)
    assert done.outcomes == {"created": 300, "unchanged": 100}
    assert simulator.control.calls() == {LIST: 2}


def test_the_next_page_is_read_while_this_one_is_decided(
    real_parts: Parts, inside: LeadStore, simulator: Simulator, db: Database[dict[str, Any]]
) -> None:
    """The call for page two is made during the turn of page one, and no page is asked for twice.

    Only decided pages are stored: what died with its process is read again by another one.
    """
    simulator.control.create_contacts(500)
    made = connected(real_parts, simulator)
    run = an_import(real_parts, made)
    simulator.control.fault("GET", "/crm/v3/objects/contacts", times=None, answer_delay_seconds=0.2)

    first = real_parts.runner()
    first.turn()
    wait_until(lambda: simulator.call_count(LIST) == 2)
    stored = db.runs.find_one({"_id": run.run_id})
    assert stored is not None
    assert (real_parts.run(run).done, lead_count(inside)) == (100, 100)
    first.turn()
    wait_until(lambda: simulator.call_count(LIST) == 3)

    done = real_parts.ended(run, real_parts.runner())  # another process: it knows nothing of the third page

    assert (done.state, done.done, lead_count(inside)) == (RunState.SUCCEEDED, 500, 500)
    assert (done.outcomes, simulator.call_count(LIST)) == ({"created": 500}, 6)


def test_a_page_that_was_read_with_another_mapping_is_read_again(
    real_parts: Parts, inside: LeadStore, simulator: Simulator
) -> None:
    """An integration that is changed while its next page is read: the page is decided by the new mapping."""
    simulator.control.create_contacts(200)
    made = connected(real_parts, simulator)
    run, runner = an_import(real_parts, made), real_parts.runner()
    runner.turn()
    wait_until(lambda: simulator.call_count(LIST) == 2)
    mapping = {"email": "email", "first_name": "firstname", "last_name": "lastname", "phone": "mobilephone"}
    real_parts.integrations.update(TENANT, made.integration_id, Changes(mapping=mapping), "")

    done = real_parts.ended(run, runner)

    assert (done.state, lead_count(inside), simulator.call_count(LIST)) == (RunState.SUCCEEDED, 200, 3)


def test_a_run_that_was_given_up_is_free_at_once(parts: Parts, simulator: Simulator) -> None:
    """A graceful stop needs no lease to end."""
    made = connected(parts, simulator)
    run = an_import(parts, made)

    assert parts.stored_runs.claim("a", []) is not None
    assert parts.stored_runs.claim("b", []) is None
    parts.stored_runs.give_up({"a"})

    claimed = parts.stored_runs.claim("b", [])
    assert claimed is not None
    assert claimed.run_id == run.run_id
    assert parts.stored_runs.claim("c", [run.run_id]) is None


def test_records_that_are_due_anyway_are_left_to_ordinary_work(
    real_parts: Parts, inside: LeadStore, simulator: Simulator
) -> None:
    """What an event made due is not leased by the import, and counted as waiting."""
    ids = simulator.control.create_contacts(5)
    made = connected(real_parts, simulator)
    real_parts.webhooks.enable(TENANT, made.integration_id)
    inside.deliver(*(touch(record_id) for record_id in ids[:2]))
    wait_until(lambda: len(inside.work()) == 2)

    done = real_parts.ended(an_import(real_parts, made), real_parts.runner())

    assert done.outcomes == {"created": 3, "waiting": 2}


def test_a_push_hands_all_leads_over_and_waits_for_them(
    real_parts: Parts, real: GrpcLeadStore, inside: LeadStore, simulator: Simulator
) -> None:
    """Leads become contacts, by batches, while the run says how far it is."""
    count = 300 if FULL else 120
    leads(inside, count)
    made = connected(real_parts, simulator)
    job, stop = real_parts.job(), threading.Event()
    loop = threading.Thread(target=WorkLoop(real, job.run, stop, TIMING).run)
    loop.start()
    runner = real_parts.runner()

    run = real_parts.runs.start(TENANT, made.integration_id, RunKind.PUSH, "")
    wait_until(lambda: real_parts.ended(run, runner, turns=1).state is not RunState.RUNNING, 60)
    stop.set()
    real.interrupt()
    loop.join(10)

    done = real_parts.run(run)
    assert (done.state, done.total, done.done) == (RunState.SUCCEEDED, count, count)
    assert done.outcomes == {"pushed": count, "failed": 0, "skipped": 0}
    emails = {contact["properties"]["email"] for contact in simulator.control.contacts()}
    assert (len(emails), len(simulator.control.contacts())) == (count, count)
    assert simulator.call_count(BATCH_UPSERT) <= 6


def test_a_cancelled_push_lets_its_work_go(
    real_parts: Parts, real: GrpcLeadStore, inside: LeadStore, simulator: Simulator
) -> None:
    """What nobody has begun is dropped; cancelling again, or turning on, changes nothing."""
    ids = leads(inside, 5)
    made = connected(real_parts, simulator)
    runner = real_parts.runner()
    key = (TENANT, made.integration_id)
    run = real_parts.runs.start(*key, RunKind.PUSH, "", [*ids, ids[0], "no-such-lead"])
    runner.turn()
    assert real.run_work(*key, run.run_id) == (5, 0)

    cancelled = real_parts.runs.cancel(TENANT, run.run_id)
    runner.turn()

    assert cancelled.state is RunState.CANCELLED
    assert cancelled.ended_at is not None
    assert real.run_work(*key, run.run_id) == (0, 0)
    assert real_parts.runs.cancel(TENANT, run.run_id) == cancelled
    assert (cancelled.total, cancelled.outcomes["skipped"]) == (6, 1)


def test_a_run_of_a_busy_integration_waits(real_parts: Parts, inside: LeadStore, simulator: Simulator) -> None:
    """While another process works the integration the run waits, spends nothing of its quota, and says why."""
    (record_id,) = simulator.control.create_contacts(1)
    made = connected(real_parts, simulator)
    real_parts.webhooks.enable(TENANT, made.integration_id)
    inside.deliver(touch(record_id))
    assert inside.lease(worker="another").leases

    run = an_import(real_parts, made)
    runner = real_parts.runner()
    runner.turn()
    runner.turn()

    waiting = real_parts.run(run)
    assert (waiting.state, waiting.reason, waiting.done) == (RunState.RUNNING, "integration_busy", 0)
    assert simulator.call_count(LIST) == 0


def test_a_cancelled_import_stops(parts: Parts, simulator: Simulator) -> None:
    """What was read of its next page is not used; cancelling what has ended changes nothing."""
    simulator.control.create_contacts(150)
    made = connected(parts, simulator)
    runner = parts.runner()
    run = an_import(parts, made)
    runner.turn()

    cancelled = parts.runs.cancel(TENANT, run.run_id)
    runner.turn()

    assert (cancelled.state, cancelled.done, parts.run(run).done) == (RunState.CANCELLED, 100, 100)
    wait_until(lambda: simulator.call_count(LIST) == 2)  # the second page was being read when it was cancelled
    done = parts.ended(an_import(parts, made), runner)
    assert parts.runs.cancel(TENANT, done.run_id) == done


def test_a_repeated_request_gives_the_first_run(parts: Parts, simulator: Simulator) -> None:
    """A request that is repeated, also at once, starts one run; another one meanwhile is refused."""
    made = connected(parts, simulator)

    with ThreadPoolExecutor(4) as pool:
        started = list(pool.map(lambda _: an_import(parts, made, "r-1"), range(4)))
    with pytest.raises(PreconditionError) as caught:
        an_import(parts, made, "r-2")

    assert len({run.run_id for run in started}) == 1
    assert caught.value.reason == "run_in_progress"
    push = parts.runs.start(TENANT, made.integration_id, RunKind.PUSH, "")
    assert [run.run_id for run in parts.runs.page(TENANT, "", None, "", 10)] == [push.run_id, started[0].run_id]
    parts.runs.cancel(TENANT, started[0].run_id)
    assert an_import(parts, made, "r-1").state is RunState.CANCELLED
    assert an_import(parts, made, "r-2").state is RunState.RUNNING


def test_runs_belong_to_their_tenant_and_are_listed_by_kind(parts: Parts, simulator: Simulator) -> None:
    """L9: nobody sees, starts or cancels another tenant's run."""
    made = connected(parts, simulator)
    run = an_import(parts, made)

    with pytest.raises(NotFoundError):
        parts.runs.get("tenant-2", run.run_id)
    with pytest.raises(NotFoundError):
        parts.runs.cancel("tenant-2", run.run_id)
    with pytest.raises(NotFoundError):
        parts.runs.start("tenant-2", made.integration_id, RunKind.PUSH, "")
    assert parts.runs.page("tenant-2", "", None, "", 10) == []
    assert parts.runs.page(TENANT, made.integration_id, RunKind.PUSH, "", 10) == []
    assert parts.runs.page(TENANT, made.integration_id, RunKind.IMPORT, "", 10) == [run]
    assert parts.runs.page(TENANT, "", None, run.run_id, 10) == []


@pytest.mark.parametrize(("direction", "kind"), [(TO_CRM, RunKind.IMPORT), (FROM_CRM, RunKind.PUSH)])
def test_a_run_against_the_direction_is_refused(
    parts: Parts, simulator: Simulator, direction: lead_pb2.Direction.ValueType, kind: RunKind
) -> None:
    """What a direction forbids is not started, and fails if the direction changes meanwhile."""
    made = connected(parts, simulator)
    run = parts.runs.start(TENANT, made.integration_id, kind, "")
    parts.integrations.update(TENANT, made.integration_id, builders.changes(direction=direction), "")

    done = parts.ended(run, parts.runner())
    with pytest.raises(PreconditionError) as caught:
        parts.runs.start(TENANT, made.integration_id, kind, "")

    assert (done.state, done.reason, caught.value.reason) == (RunState.FAILED, "direction", "direction")


def test_a_run_waits_for_a_paused_integration(parts: Parts, simulator: Simulator) -> None:
    """It says so, and goes on when the integration is resumed."""
    made = connected(parts, simulator)
    run = an_import(parts, made)
    parts.integrations.update(TENANT, made.integration_id, Changes(paused=True), "")
    parts.runner().turn()
    assert (parts.run(run).reason, simulator.control.calls()) == ("paused", {})

    parts.integrations.update(TENANT, made.integration_id, Changes(paused=False), "")
    done = parts.ended(run, parts.runner())

    assert (done.state, done.reason) == (RunState.SUCCEEDED, "")


def test_a_run_waits_for_a_crm_that_is_away(parts: Parts, simulator: Simulator) -> None:
    """A failed call fails no run: it waits, shows why, and goes on."""
    made = connected(parts, simulator)
    run = an_import(parts, made)
    simulator.control.fault(path="/crm/v3/objects/contacts", status=503, times=2)  # with values, and without
    parts.runner().turn()
    waiting = parts.run(run)
    assert (waiting.state, waiting.reason) == (RunState.RUNNING, "crm_error")

    done = parts.ended(run, parts.runner())

    assert (done.state, done.reason) == (RunState.SUCCEEDED, "")


def test_a_run_waits_for_a_lead_store_that_is_away(parts: Parts, double: StoreDouble, simulator: Simulator) -> None:
    """The same page comes again when lead-store is back."""
    made = connected(parts, simulator)
    run = parts.runs.start(TENANT, made.integration_id, RunKind.PUSH, "", ["lead-1"])
    double.unavailable = 1
    parts.runner().turn()
    waiting = parts.run(run)
    assert (waiting.state, waiting.reason, double.run_requests) == (RunState.RUNNING, "store_unavailable", [])

    runner = parts.runner()
    runner.turn()
    double.pending = 0

    assert parts.ended(run, runner).outcomes["pushed"] == 1
    assert [list(request.lead_ids) for request in double.run_requests] == [["lead-1"]]


@pytest.mark.parametrize("kind", [RunKind.IMPORT, RunKind.PUSH])
def test_missing_scopes_fail_a_run(parts: Parts, simulator: Simulator, kind: RunKind) -> None:
    """Waiting does not bring scopes: the run fails and says so."""
    made = connected(parts, simulator)
    simulator.control.revoke_token(hub.TOKEN)
    simulator.control.add_token(token=hub.TOKEN, scopes=["oauth"])

    done = parts.ended(parts.runs.start(TENANT, made.integration_id, kind, ""), parts.runner())

    assert (done.state, done.reason) == (RunState.FAILED, "missing_scopes")


def test_a_deleted_integration_fails_its_runs(parts: Parts, simulator: Simulator) -> None:
    """There is nothing left to work on."""
    made = connected(parts, simulator)
    run = an_import(parts, made)
    parts.integrations.delete(TENANT, made.integration_id)

    done = parts.ended(run, parts.runner())

    assert (done.state, done.reason) == (RunState.FAILED, "integration_not_found")


def test_a_push_keeps_its_pending_work_small(parts: Parts, double: StoreDouble, simulator: Simulator) -> None:
    """With two thousand work items pending no more is handed over, and the run is looked at again a little later."""
    made = connected(parts, simulator)
    run = parts.start(made, RunKind.PUSH, *(f"lead-{n}" for n in range(2_300)))
    runner = parts.runner(TIMING)
    for _ in range(15):
        runner.turn()

    assert (double.pending, len(double.run_requests)) == (2_000, 10)
    assert runner.turn() > 0
    double.pending = 100
    soon = parts.runner()
    wait_until(lambda: (soon.turn(), len(double.run_requests))[1] == 12)
    double.pending = 0
    wait_until(lambda: parts.ended(run, soon, turns=1).state is RunState.SUCCEEDED)

    assert parts.run(run).outcomes["pushed"] == 2_300
    assert {request.run_id for request in double.run_requests} == {run.run_id}


def test_what_was_queued_while_a_push_was_cancelled_is_dropped(
    parts: Parts, double: StoreDouble, simulator: Simulator
) -> None:
    """Cancelling during a page drops that page too; while lead-store is away, cancelling has to be repeated."""
    made = connected(parts, simulator)
    run = parts.runs.start(TENANT, made.integration_id, RunKind.PUSH, "", ["lead-1"])
    double.unavailable = 1
    with pytest.raises(StoreUnavailableError):
        parts.runs.cancel(TENANT, run.run_id)
    assert parts.runs.cancel(TENANT, run.run_id).state is RunState.CANCELLED
    assert double.dropped_runs == [run.run_id]

    other = parts.runs.start(TENANT, made.integration_id, RunKind.PUSH, "", ["lead-1"])
    double.when_asked = lambda: parts.stored_runs.cancel(other.run_id, other.created_at)
    parts.runner().turn()

    assert (double.dropped_runs[1:], double.pending) == ([other.run_id], 0)


def test_runs_take_turns(parts: Parts, double: StoreDouble, simulator: Simulator) -> None:
    """L9: a long run does not hold up another one: each gets its page in turn."""
    simulator.control.create_contacts(300)
    made = connected(parts, simulator)
    imported = an_import(parts, made)
    pushed = parts.runs.start(TENANT, made.integration_id, RunKind.PUSH, "", ["lead-1"])
    runner = parts.runner()

    runner.turn()
    runner.turn()

    assert parts.run(imported).done == 100
    assert parts.run(pushed).handed_over
    assert len(double.run_requests) == 1
