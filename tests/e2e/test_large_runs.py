"""Imports and pushes killed in their middle: nobody twice, nobody missing, and few calls.

With LEADSYNC_TEST_FULL=1 they are of thousands.
"""

import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from e2e.harness import Suite, body_of, eventually
from e2e.test_batches import CONTACTS, UPSERT, contact_calls, leads_of
from e2e.test_runs import ended, run_of
from sizes import FULL

LEASE_SECONDS = 45  # long enough for a full batch on a slow machine: one that is cut takes more calls


@pytest.fixture
def quiet_suite(another_suite: Callable[..., AbstractContextManager[Suite]]) -> AbstractContextManager[Suite]:
    """A suite of the test's own, so that it can switch webhooks off and have only runs bring records."""
    return another_suite(LEADSYNC_LEASE_SECONDS=str(LEASE_SECONDS))


@pytest.mark.timeout(600 if FULL else 300)
def test_a_large_import_survives_the_death_of_its_process(quiet_suite: AbstractContextManager[Suite]) -> None:
    """Killed in its middle the import goes on at the page it was at: nobody missing, nobody twice, and few calls."""
    number = 5000 if FULL else 500
    with quiet_suite as suite:
        body_of(suite.api.post(f"/crm-integration/{suite.integration_id}/disable-webhooks"))
        run = secrets.token_hex(4)
        suite.hubspot.create_contacts(contacts=[{"email": f"im{n}.{run}@example.com"} for n in range(number)])
        suite.hubspot.wait_idle(60)
        suite.hubspot.reset_calls()
        suite.hubspot.fault("GET", CONTACTS, times=None, answer_delay_seconds=0.5)  # so that there is a middle
        body = {"integrationId": suite.integration_id}
        run_id = body_of(suite.api.post("/crm-integration/import", json=body), 202)["runId"]
        eventually(lambda: run_of(suite, run_id)["done"] >= number // 5, 90, "a part of the import")
        assert run_of(suite, run_id)["state"] == "running"
        old = suite.kill("crm-connector")
        suite.hubspot.clear_faults()
        suite.wait_restarted("crm-connector", old)
        done = ended(suite, run_id, 240)
        assert (done["state"], done["done"]) == ("succeeded", number)
        suite.wait_quiet(LEASE_SECONDS)  # what the process had leased is due again once its leases are over
        emails = leads_of(suite, run)
        assert len(emails) == len(set(emails)) == number
        lists = suite.hubspot.calls()[f"GET {CONTACTS}"]
        pages = number // 100
        assert lists <= pages + max(3, pages // 5), lists  # the page that was cut off is read again
        assert suite.hubspot.writes()["total"] == 0


@pytest.mark.timeout(600 if FULL else 300)
def test_a_large_push_survives_the_death_of_its_process(quiet_suite: AbstractContextManager[Suite]) -> None:
    """Killed in its middle the push goes on: each lead is one contact in the end, and written once."""
    number = 2000 if FULL else 300
    with quiet_suite as suite:
        path = f"/crm-integration/{suite.integration_id}"
        body_of(suite.api.post(f"{path}/disable-webhooks"))
        body_of(suite.api.patch(path, json={"direction": "from_crm"}))  # so that leads make no work of their own
        run = secrets.token_hex(4)
        for n in range(number):
            body_of(suite.api.post("/leads", json={"email": f"pu{n}.{run}@example.com"}), 201)
        body_of(suite.api.patch(path, json={"direction": "to_crm"}))
        suite.wait_quiet(60)
        suite.hubspot.reset_calls()
        # So that there is a middle, and so that leads pile up while others are written.
        suite.hubspot.fault("POST", f"{CONTACTS}/batch", times=None, answer_delay_seconds=0.5)
        body = {"integrationId": suite.integration_id}
        run_id = body_of(suite.api.post("/crm-integration/sync-leads", json=body), 202)["runId"]
        eventually(lambda: suite.hubspot.writes()["total"] >= number // 4, 90, "a part of the push")
        assert run_of(suite, run_id)["state"] == "running"
        old = suite.kill("crm-connector")
        suite.wait_restarted("crm-connector", old)
        assert ended(suite, run_id, 240)["state"] == "succeeded"
        suite.wait_quiet(60)
        made = [c["properties"]["email"] for c in suite.hubspot.contacts() if run in c["properties"]["email"]]
        assert len(made) == len(set(made)) == number
        assert suite.hubspot.writes()["total"] == number
        calls = contact_calls(suite)
        # For each write: by mark, by e-mail; and what the kill cost. A call takes what is due when it begins: on a busy
        # machine fewer than 100. `test_batches` counts the calls exactly.
        assert calls[UPSERT] <= number // 20, calls
        assert calls.total() - calls[UPSERT] <= 2 * calls[UPSERT] + 12, calls
