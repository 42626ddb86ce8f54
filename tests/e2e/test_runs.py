"""Imports and pushes of thousands, killed in their middle: nobody twice, nobody missing, and few calls."""

import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from e2e.harness import Json, Suite, body_of, eventually, leadsync, told
from e2e.test_batches import CONTACTS, UPSERT, contact_calls, leads_of


def run_of(suite: Suite, run_id: str) -> Json:
    """A run as it is now."""
    return body_of(suite.api.get(f"/crm-integration/runs/{run_id}"))


def ended(suite: Suite, run_id: str, within: float) -> Json:
    """A run once it has ended."""
    return eventually(
        lambda: (run := run_of(suite, run_id)) and run["state"] != "running" and run, within, "the run's end"
    )


def test_an_import_is_planned_before_it_is_run(suite: Suite, person: Callable[[str], str]) -> None:
    """While an integration is paused a dry run says what an import would do, also under other settings."""
    path, email = f"/crm-integration/{suite.integration_id}", person("planned")

    def planned(run_id: str, record_id: str) -> Json:
        records = told(suite, "runs", "plan", run_id, "--outcome", "created", "--limit", "200")["records"]
        (found,) = [one for one in records if one["recordId"] == record_id]
        return dict(found)

    suite.wait_quiet()
    body_of(suite.api.patch(path, json={"paused": True}))
    try:
        record_id = suite.hubspot.create_contact({"email": email, "phone": "1"})
        run = told(suite, "import", "--dry-run")
        whole = planned(run["id"], record_id)
        in_words = leadsync(suite, "import", "--dry-run")
        proposed = {"fieldMapping": {"email": "email"}}
        body = {"integrationId": suite.integration_id, "dryRun": True, "proposed": proposed}
        other = ended(suite, body_of(suite.api.post("/crm-integration/import", json=body), 202)["runId"], 10)
        part = planned(other["id"], record_id)
    finally:
        body_of(suite.api.patch(path, json={"paused": False}))
    assert (run["dryRun"], run["outcomes"]["created"]) == (True, run["effects"]["leads_created"])
    assert (whole["leadFields"], part["leadFields"]) == (["email", "phone"], ["email"])
    assert f"would create {run['effects']['leads_created']} lead" in in_words.stdout
    eventually(lambda: suite.leads(email), what="the lead, once the integration goes on")


@pytest.fixture
def quiet_suite(another_suite: Callable[..., AbstractContextManager[Suite]]) -> AbstractContextManager[Suite]:
    """A suite of the test's own, so that it can switch webhooks off and have only runs bring records."""
    return another_suite()


@pytest.mark.timeout(400)
def test_an_import_of_5000_survives_the_death_of_its_process(quiet_suite: AbstractContextManager[Suite]) -> None:
    """Killed in its middle the import goes on at the page it was at: 5,000 leads, none twice, 1.2 calls per 100."""
    with quiet_suite as suite:
        body_of(suite.api.post(f"/crm-integration/{suite.integration_id}/disable-webhooks"))
        run = secrets.token_hex(4)
        suite.hubspot.create_contacts(contacts=[{"email": f"im{n}.{run}@example.com"} for n in range(5000)])
        suite.hubspot.wait_idle(60)
        suite.hubspot.reset_calls()
        body = {"integrationId": suite.integration_id}
        run_id = body_of(suite.api.post("/crm-integration/import", json=body), 202)["runId"]
        eventually(lambda: run_of(suite, run_id)["done"] >= 1000, 90, "a part of the import")
        old = suite.kill("crm-connector")
        suite.wait_restarted("crm-connector", old)
        done = ended(suite, run_id, 240)
        assert (done["state"], done["done"]) == ("succeeded", 5000)
        emails = leads_of(suite, run)
        assert len(emails) == len(set(emails)) == 5000
        lists = suite.hubspot.calls()[f"GET {CONTACTS}"]
        assert lists <= 60, lists
        assert suite.hubspot.writes()["total"] == 0


@pytest.mark.timeout(400)
def test_a_push_of_2000_survives_the_death_of_its_process(quiet_suite: AbstractContextManager[Suite]) -> None:
    """Killed in its middle the push goes on: each lead is one contact in the end, and written once."""
    with quiet_suite as suite:
        path = f"/crm-integration/{suite.integration_id}"
        body_of(suite.api.post(f"{path}/disable-webhooks"))
        body_of(suite.api.patch(path, json={"direction": "from_crm"}))  # so that leads make no work of their own
        run = secrets.token_hex(4)
        for n in range(2000):
            body_of(suite.api.post("/leads", json={"email": f"pu{n}.{run}@example.com"}), 201)
        body_of(suite.api.patch(path, json={"direction": "to_crm"}))
        suite.wait_quiet(60)
        suite.hubspot.reset_calls()
        body = {"integrationId": suite.integration_id}
        run_id = body_of(suite.api.post("/crm-integration/sync-leads", json=body), 202)["runId"]
        eventually(lambda: suite.hubspot.writes()["total"] >= 500, 90, "a part of the push")
        old = suite.kill("crm-connector")
        suite.wait_restarted("crm-connector", old)
        assert ended(suite, run_id, 240)["state"] == "succeeded"
        suite.wait_quiet(60)
        made = [c["properties"]["email"] for c in suite.hubspot.contacts() if run in c["properties"]["email"]]
        assert len(made) == len(set(made)) == 2000
        assert suite.hubspot.writes()["total"] == 2000
        calls = contact_calls(suite)
        # For each write: by mark, by e-mail; and what the kill cost. How many leave together is a matter of time.
        assert calls[UPSERT] <= 40, calls
        assert calls.total() - calls[UPSERT] <= 2 * calls[UPSERT] + 12, calls


@pytest.mark.timeout(120)
def test_a_cancelled_import_stops(suite: Suite) -> None:
    """Cancelling ends a run at its next page; what it has begun is finished, and cancelling again changes nothing."""
    suite.wait_quiet(60)
    suite.hubspot.fault("GET", CONTACTS, times=None, answer_delay_seconds=0.5)
    try:
        body = {"integrationId": suite.integration_id}
        run_id = body_of(suite.api.post("/crm-integration/import", json=body), 202)["runId"]
        again = suite.api.post("/crm-integration/import", json=body)
        assert again.json()["reason"] == "run_in_progress"
        assert body_of(suite.api.post(f"/crm-integration/runs/{run_id}/cancel"))["state"] == "cancelled"
        assert body_of(suite.api.post(f"/crm-integration/runs/{run_id}/cancel"))["state"] == "cancelled"
    finally:
        suite.hubspot.clear_faults()
    suite.wait_quiet(60)
    assert run_of(suite, run_id)["state"] == "cancelled"
