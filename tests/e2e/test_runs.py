"""Imports are planned, run and cancelled."""

from collections.abc import Callable

from e2e.harness import Json, Suite, body_of, cli_json, eventually, leadsync
from e2e.test_batches import CONTACTS


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
        records = cli_json(suite, "runs", "plan", run_id, "--outcome", "created", "--limit", "200")["records"]
        (found,) = [one for one in records if one["recordId"] == record_id]
        return dict(found)

    suite.wait_quiet()
    body_of(suite.api.patch(path, json={"paused": True}))
    try:
        record_id = suite.hubspot.create_contact({"email": email, "phone": "1"})
        run = cli_json(suite, "import", "--dry-run")
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
