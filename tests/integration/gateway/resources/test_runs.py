from typing import Any

import pytest
from integration.gateway.harness import run_gateway, token
from leadsync.integration.v1 import integration_pb2

pytestmark = pytest.mark.anyio

CRM = "/api/v1/crm-integration"


async def test_an_import_is_started_watched_and_cancelled() -> None:
    """An import is a run that can be seen and cancelled; what is not known yet is null."""
    async with run_gateway() as gateway:
        started = await gateway.call(
            "POST", f"{CRM}/import", "operator", json={"integrationId": "i"}, headers={"idempotency-key": "k"}
        )
        assert (started.status_code, started.json()) == (202, {"runId": "run-1"})
        (request,) = gateway.connector.imports
        assert (request.tenant_id, request.request_id) == ("acme", "k")
        run = (await gateway.call("GET", f"{CRM}/runs/run-1", "viewer")).json()
        assert run == {
            "id": "run-1",
            "integrationId": "i",
            "kind": "import",
            "state": "running",
            "total": None,
            "done": 0,
            "outcomes": {},
            "calls": 0,
            "ratePerSecond": None,
            "forecastAt": None,
            "createdAt": "2026-06-25T07:19:30Z",
            "endedAt": None,
            "reason": None,
            "dryRun": False,
            "reasons": {},
            "effects": {},
            "callsNeeded": None,
            "proposed": None,
        }
        again = await gateway.call("POST", f"{CRM}/import", json={"integrationId": "i"})
        assert (again.status_code, again.json()["reason"]) == (400, "run_in_progress")
        cancelled = await gateway.call("POST", f"{CRM}/runs/run-1/cancel", "operator")
        assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")


async def test_how_far_a_run_is() -> None:
    """Progress, conclusions and the forecast of a run are shown as crm-connector keeps them."""
    async with run_gateway() as gateway:
        run = integration_pb2.Run(run_id="r", kind=integration_pb2.RUN_KIND_PUSH, total=9, done=3, calls=2, rate=1.5)
        run.state = integration_pb2.RUN_STATE_RUNNING
        run.outcomes.update({"skipped": 1, "pushed": 2})
        run.reasons.update({"no_name": 1})
        run.forecast_at.FromMilliseconds(1_782_371_970_000)
        gateway.connector.runs["r"] = run
        shown = (await gateway.call("GET", f"{CRM}/runs/r")).json()
        assert (shown["total"], shown["done"], shown["calls"], shown["ratePerSecond"]) == (9, 3, 2, 1.5)
        assert (shown["outcomes"], shown["forecastAt"]) == ({"pushed": 2, "skipped": 1}, "2026-06-25T07:19:30Z")
        assert shown["reasons"] == {"no_name": 1}


async def test_a_plan_shows_the_settings_that_it_tried_out() -> None:
    """They are whole, in the spelling of HTTP, with the revision that they were proposed for."""
    async with run_gateway() as gateway:
        run = integration_pb2.Run(run_id="r", kind=integration_pb2.RUN_KIND_IMPORT, dry_run=True)
        run.state = integration_pb2.RUN_STATE_SUCCEEDED
        run.proposed.etag = "7"
        run.proposed.field_mapping.update({"first_name": "firstname", "custom_fields.score": "score"})
        gateway.connector.runs["r"] = run
        shown = (await gateway.call("GET", f"{CRM}/runs/r")).json()["proposed"]
        assert shown["etag"] == "7"
        assert shown["fieldMapping"] == {"firstName": "firstname", "customFields.score": "score"}
        assert shown.keys() == {"etag", "direction", "fieldMapping", "fieldRules", "fieldTransforms", "policies"}


async def test_a_dry_run_is_started_and_its_plan_is_listed() -> None:
    """Imports and pushes can be planned; what was found is listed by conclusion, fields in the spelling of HTTP."""
    async with run_gateway() as gateway:
        started = await gateway.call("POST", f"{CRM}/import", "operator", json={"integrationId": "i", "dryRun": True})
        await gateway.call("POST", f"{CRM}/sync-leads", "operator", json={"integrationId": "i", "dryRun": True})
        await gateway.call("POST", f"{CRM}/sync-leads", "operator", json={"integrationId": "i"})
        run = gateway.connector.runs[started.json()["runId"]]
        run.effects.update({"leads_created": 2})
        run.calls_needed = 4
        shown = (await gateway.call("GET", f"{CRM}/runs/run-1", "viewer")).json()
        plan = await gateway.call("GET", f"{CRM}/runs/run-1/plan?outcome=created&pageSize=1", "viewer")
        none = await gateway.call("GET", f"{CRM}/runs/run-3/plan")

        assert [request.dry_run for request in gateway.connector.imports] == [True]
        assert [request.dry_run for request in gateway.connector.pushes] == [True, False]
        assert (shown["dryRun"], shown["effects"], shown["callsNeeded"]) == (True, {"leads_created": 2}, 4)
        assert plan.json() == {
            "records": [
                {
                    "recordId": "7",
                    "leadId": None,
                    "outcome": "created",
                    "reason": None,
                    "leadFields": ["firstName", "customFields.a_b"],
                    "crmFields": [],
                    "conflictFields": ["phone"],
                }
            ],
            "nextPageToken": "more",
        }
        assert (none.status_code, none.json()["reason"]) == (400, "not_a_dry_run")


async def test_settings_are_tried_out_in_a_dry_run() -> None:
    """Proposed settings go along, and which of them were given; they are refused where they would not count."""
    async with run_gateway() as gateway:
        body: dict[str, Any] = {"integrationId": "i", "dryRun": True}
        proposed = {
            "direction": "from_crm",
            "fieldMapping": {"jobTitle": "jobtitle"},
            "policies": {"matching": {"keys": ["email", "phone"], "phoneRegion": "CH"}},
        }
        response = await gateway.call("POST", f"{CRM}/import", json=body | {"proposed": proposed})
        assert response.status_code == 202
        (request,) = gateway.connector.imports
        assert dict(request.proposed.field_mapping) == {"job_title": "jobtitle"}
        matching = request.proposed.policy.matching
        assert (matching.phone_region, len(matching.keys)) == ("CH", 2)
        assert list(request.proposed_mask.paths) == ["policy.direction", "policy.matching", "field_mapping"]
        for wrong, field in (
            (body | {"proposed": {"paused": True}}, "proposed"),
            (body | {"proposed": {"policies": {"deletions": {}}}}, "proposed.policies.deletions"),
            ({"integrationId": "i", "proposed": proposed}, "proposed"),
        ):
            refused = await gateway.call("POST", f"{CRM}/import", json=wrong)
            assert (refused.status_code, refused.json()["reason"]) == (400, "invalid_field")
            assert refused.json()["errors"][0]["field"].startswith(field)
        await gateway.call("POST", f"{CRM}/import", json={"integrationId": "k", "dryRun": True, "proposed": {}})
        assert not gateway.connector.imports[-1].HasField("proposed")


async def test_leads_are_pushed() -> None:
    """The leads that are named are pushed, or all if none are; an empty list is refused, so it never means all."""
    async with run_gateway() as gateway:
        body: dict[str, Any] = {"integrationId": "i", "leadIds": ["a", "b"]}
        some = await gateway.call("POST", f"{CRM}/sync-leads", "operator", json=body, headers={"idempotency-key": "k"})
        assert (some.status_code, some.json()) == (202, {"runId": "run-1", "queued": 2})
        every = await gateway.call("POST", f"{CRM}/sync-leads", json={"integrationId": "i"})
        assert (every.status_code, every.json()) == (202, {"runId": "run-2", "queued": None})
        first, second = gateway.connector.pushes
        assert (first.tenant_id, first.request_id, list(first.lead_ids)) == ("acme", "k", ["a", "b"])
        assert list(second.lead_ids) == []
        for ids in (None, [], [1], [""], "a", ["x"] * 10_001):
            wrong = await gateway.call("POST", f"{CRM}/sync-leads", json=body | {"leadIds": ids})
            assert (wrong.status_code, wrong.json()["reason"]) == (400, "invalid_field")
            assert wrong.json()["errors"][0]["field"].startswith("leadIds")


async def test_runs_are_listed() -> None:
    """Runs are listed by kind, and those at work are part of the integration's status."""
    async with run_gateway() as gateway:
        await gateway.call("POST", f"{CRM}/import", json={"integrationId": "i"})
        await gateway.call("POST", f"{CRM}/sync-leads", json={"integrationId": "i"})
        await gateway.call("POST", f"{CRM}/runs/run-2/cancel")
        pushes = (await gateway.call("GET", f"{CRM}/runs?integrationId=i&kind=push", "viewer")).json()
        assert ([run["id"] for run in pushes["runs"]], pushes["nextPageToken"]) == (["run-2"], None)
        assert (await gateway.call("GET", f"{CRM}/runs?kind=sweep")).json()["errors"][0]["field"] == "kind"
        gateway.store.work.known.add("i")
        status = (await gateway.call("GET", f"{CRM}/sync-status?integrationId=i")).json()
        assert [run["id"] for run in status["runs"]] == ["run-1"]


async def test_the_status_does_without_crm_connector() -> None:
    """While crm-connector is away the counters are still there; which runs are at work is then unknown, not none."""
    async with run_gateway(CRM_CONNECTOR_URL="127.0.0.1:1") as gateway:
        gateway.store.work.known.add("i")
        response = await gateway.call("GET", f"{CRM}/sync-status?integrationId=i")
        assert (response.status_code, response.json()["runs"]) == (200, None)


async def test_another_tenants_run_does_not_exist() -> None:
    """A run is seen and cancelled by its own tenant only."""
    async with run_gateway() as gateway:
        await gateway.call("POST", f"{CRM}/import", json={"integrationId": "i"})
        stranger = {"authorization": f"Bearer {token(tenant='other')}"}
        for method, path in (("GET", f"{CRM}/runs/run-1"), ("POST", f"{CRM}/runs/run-1/cancel")):
            response = await gateway.call(method, path, headers=stranger)
            assert (response.status_code, response.json()["reason"]) == (404, "run_not_found")
