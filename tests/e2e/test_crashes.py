"""Processes die at bad moments: nothing acknowledged is lost, nothing is done twice."""

import os
import resource
import secrets
import signal
from collections.abc import Callable

import pytest
from e2e.harness import SERVICES, Suite, body_of, eventually
from e2e.test_batches import leads_of
from sizes import FULL

CONTACTS, LEADS = (100, 50) if FULL else (50, 25)
RECOVERED = 75.0  # seconds: a lease, the CRM's read lag, and a restart


@pytest.mark.timeout(240)
@pytest.mark.parametrize("service", SERVICES)
def test_sigkill_in_the_middle_of_a_batch_gives_the_same_end_state(suite: Suite, service: str) -> None:
    """Many contacts and leads at once, and a service killed amid: each contact one lead, each lead one contact."""
    run = secrets.token_hex(4)
    suite.wait_quiet(RECOVERED)
    suite.hubspot.fault("POST", "/crm/v3/objects/contacts/batch", times=None, answer_delay_seconds=0.3)
    try:
        suite.hubspot.create_contacts(contacts=[{"email": f"c{n}.{run}@example.com"} for n in range(CONTACTS)])
        made = [f"l{n}.{run}@example.com" for n in range(LEADS)]
        for email in made:
            body_of(suite.api.post("/leads", json={"email": email}), 201)
        old = suite.kill(service)
        suite.wait_restarted(service, old)
    finally:
        suite.hubspot.clear_faults()
    contacts = {f"c{n}.{run}@example.com" for n in range(CONTACTS)} | set(made)

    def both_sides() -> bool:
        here = sorted(leads_of(suite, run))
        there = sorted(c["properties"]["email"] for c in suite.hubspot.contacts() if run in c["properties"]["email"])
        assert here == sorted(contacts), f"{len(here)} leads"
        assert there == sorted(contacts), f"{len(there)} contacts"
        return True

    eventually(both_sides, RECOVERED, "both sides to hold the same people")
    suite.wait_quiet(RECOVERED)
    assert both_sides()
    assert suite.status()["failedWork"] == 0


@pytest.mark.timeout(240)
def test_a_write_whose_answer_was_lost_is_not_repeated_with_other_values(
    suite: Suite, person: Callable[[str], str]
) -> None:
    """HubSpot takes a create and the answer never comes: there is one contact in the end, linked, written once."""
    email = person("lost-answer")
    suite.wait_quiet(RECOVERED)
    suite.hubspot.fault("POST", "/crm/v3/objects/contacts/batch/upsert", times=1, drop_connection_after=True)
    suite.hubspot.reset_calls()
    lead = body_of(suite.api.post("/leads", json={"email": email, "firstName": "Lost"}), 201)

    def linked() -> bool:
        links = body_of(suite.api.get(f"/leads/{lead['id']}"))["links"]
        return bool(links) and links[0]["state"] == "active"

    eventually(linked, RECOVERED, "the lead to be linked")
    suite.wait_quiet(RECOVERED)
    assert len(suite.contacts(email)) == 1
    assert suite.hubspot.writes()["total"] == 1


@pytest.mark.timeout(240)
@pytest.mark.parametrize("component", ["lead-store", "database"])
def test_what_cannot_be_kept_is_not_acknowledged(suite: Suite, person: Callable[[str], str], component: str) -> None:
    """While the store or the database is away HubSpot gets 503 and delivers again; nothing is lost in the end."""
    if component == "database" and os.environ.get("MONGO_URL"):
        pytest.skip("the database of MONGO_URL is not ours to stop")
    email = person(f"while-{component}-away")
    suite.wait_quiet(RECOVERED)
    os.kill(suite.pid(component), signal.SIGSTOP)  # away without a restart, as behind a broken network
    try:
        suite.hubspot.create_contact({"email": email})

        def refused() -> bool:
            attempts = [a for d in suite.hubspot.deliveries() if d["state"] != "delivered" for a in d["attempts"]]
            return any(attempt["status"] == 503 for attempt in attempts)

        eventually(refused, 20, "a delivery to be answered 503")
    finally:
        os.kill(suite.pid(component), signal.SIGCONT)
    eventually(lambda: suite.leads(email) if suite.api.get("/leads").is_success else None, RECOVERED, "the lead")
    assert len(suite.leads(email)) == 1


@pytest.mark.timeout(300)
def test_what_no_longer_answers_is_replaced(suite: Suite, person: Callable[[str], str]) -> None:
    """A stopped service and a database that refuses everything after a failed write live on, and are replaced."""
    before, email = person("before"), person("while-nothing-answers")
    suite.wait_quiet(RECOVERED)
    suite.hubspot.create_contact({"email": before})
    suite.wait_quiet(RECOVERED)
    hanging = {"crm-connector": suite.pid("crm-connector")}
    os.kill(hanging["crm-connector"], signal.SIGSTOP)
    if not os.environ.get("MONGO_URL"):
        hanging["database"] = suite.pid("database")
        # Every write to a file fails now, as on a full disk. After that the database says `hello`, and nothing else.
        resource.prlimit(hanging["database"], resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
    suite.hubspot.create_contact({"email": email})
    for component, pid in hanging.items():
        suite.wait_restarted(component, pid, 200)
    silent = {pid: _silent(suite, pid) for pid in hanging.values()}
    assert silent == dict.fromkeys(hanging.values(), 4)

    def all_there() -> bool:
        return suite.api.get("/leads").is_success and all(suite.leads(each) for each in (before, email))

    eventually(all_there, RECOVERED, "the leads of before and of meanwhile")
    suite.wait_quiet(RECOVERED)
    assert suite.status()["failedWork"] == 0


def _silent(suite: Suite, pid: int) -> int:
    """Return how many times in a row a process was reported not to have answered."""
    event = suite.background.wait_for(lambda one: one["event"] == "silent" and one["pid"] == pid, 0, f"{pid} reported")
    return int(event["times"])
