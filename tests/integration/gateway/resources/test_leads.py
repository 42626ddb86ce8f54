from typing import Any

import pytest
from integration.gateway.harness import RunningGateway, run_gateway
from leadsync.lead.v1 import lead_pb2, lead_service_pb2

pytestmark = pytest.mark.anyio

LEADS = "/api/v1/leads"
ANN = {
    "email": "ann@example.com",
    "firstName": "Ann",
    "lastName": "Łęcka",
    "phone": "+48 1",
    "company": "ACME",
    "jobTitle": "CTO",
    "website": "https://example.com",
    "status": "new",
    "customFields": {"score_1": "9"},
}


async def _create(gateway: RunningGateway, **changes: Any) -> dict[str, Any]:
    response = await gateway.call("POST", LEADS, json=ANN | changes)
    assert response.status_code == 201, response.text
    created: dict[str, Any] = response.json()
    return created


async def test_a_lead_goes_round() -> None:
    """A lead comes back as it was sent, with its id, origin, links and revision."""
    async with run_gateway() as gateway:
        response = await gateway.call("POST", LEADS, json=ANN)
        created = response.json()
        assert response.status_code == 201
        assert response.headers["etag"] == '"1"'
        assert response.headers["location"] == f"{LEADS}/{created['id']}"
        assert {name: created[name] for name in ANN} == ANN
        assert created["links"] == []
        assert created["crmMetadata"] == {
            "sourceSystem": "jazzaam",
            "lastSyncDirection": None,
            "lastSyncedAt": None,
            "syncVersion": 0,
            "lastModifiedInCrm": None,
            "crmProvider": None,
        }
        assert created["createdAt"].endswith("Z")
        assert gateway.store.leads.actors == ["tester"]
        got = await gateway.call("GET", f"{LEADS}/{created['id']}", "viewer")
        assert (got.json(), got.headers["etag"]) == (created, '"1"')


async def test_links_and_their_fields() -> None:
    """Links show the record, their state and the fields that wait, in the names of HTTP."""
    async with run_gateway() as gateway:
        created = await _create(gateway)
        lead = gateway.store.leads.leads["acme", created["id"]]
        link = lead.links.add(integration_id="i", provider="hubspot", record_id="7", state=lead_pb2.LINK_STATE_DETACHED)
        link.detached_reason = "record_archived"
        link.conflicts.add(field="first_name", ours="Ann", theirs="", overwritten=True)
        link.refused.add(field="custom_fields.a_b", reason="invalid_value", cause="It is wrong.")
        oscillation = link.paused.add(field="job_title", value="CTO", replaced="cto", writer="WORKFLOWS:7")
        oscillation.until.FromMilliseconds(1_782_371_970_000)
        link.paused.add(field="phone", value="1")
        link.object, link.record_url = "contact", "https://crm.example.com/contact/7"
        link.unreadable.add(field="custom_fields.a_b", theirs="many", reason="not_a_number")
        lead.crm_metadata.last_sync_direction = lead_pb2.DIRECTION_FROM_CRM
        lead.crm_metadata.last_synced_at.FromMilliseconds(1_782_371_970_123)
        shown = (await gateway.call("GET", f"{LEADS}/{created['id']}")).json()
        assert shown["links"] == [
            {
                "integrationId": "i",
                "provider": "hubspot",
                "recordId": "7",
                "object": "contact",
                "recordUrl": "https://crm.example.com/contact/7",
                "state": "detached",
                "detachedReason": "record_archived",
                "conflicts": [{"field": "firstName", "ours": "Ann", "theirs": None, "overwritten": True}],
                "refused": [
                    {
                        "field": "customFields.a_b",
                        "reason": "invalid_value",
                        "cause": "It is wrong.",
                        "remedy": None,
                    }
                ],
                "paused": [
                    {
                        "field": "jobTitle",
                        "value": "CTO",
                        "replaced": "cto",
                        "writer": "WORKFLOWS:7",
                        "until": "2026-06-25T07:19:30Z",
                    },
                    {"field": "phone", "value": "1", "replaced": None, "writer": None, "until": None},
                ],
                "unreadable": [{"field": "customFields.a_b", "theirs": "many", "reason": "not_a_number"}],
            }
        ]
        assert shown["crmMetadata"]["lastSyncDirection"] == "from_crm"
        assert shown["crmMetadata"]["lastSyncedAt"].startswith("2026-06-25T")


async def test_null_and_empty_clear() -> None:
    """PATCH changes only what is named; null and an empty text clear a field, and a blank comes out as null."""
    async with run_gateway() as gateway:
        created = await _create(gateway)
        changes = {"phone": None, "company": "", "customFields": {"score_1": None, "extra": "x"}}
        response = await gateway.call("PATCH", f"{LEADS}/{created['id']}", "operator", json=changes)
        changed = response.json()
        assert (response.status_code, response.headers["etag"]) == (200, '"2"')
        assert (changed["phone"], changed["company"], changed["firstName"]) == (None, None, "Ann")
        assert changed["customFields"] == {"extra": "x", "score_1": None}
        assert sorted(gateway.store.leads.masks[0]) == [
            "company",
            "custom_fields.extra",
            "custom_fields.score_1",
            "phone",
        ]


async def test_a_stale_revision_changes_nothing() -> None:
    """If-Match with an older revision is answered 409 stale_etag, on PATCH and DELETE; the present one passes."""
    async with run_gateway() as gateway:
        path = f"{LEADS}/{(await _create(gateway))['id']}"
        first = await gateway.call("PATCH", path, json={"phone": "1"}, headers={"if-match": '"1"'})
        assert first.status_code == 200
        for method, more in (("PATCH", {"json": {"phone": "2"}}), ("DELETE", {})):
            stale = await gateway.call(method, path, headers={"if-match": '"1"'}, **more)  # type: ignore[arg-type]
            assert (stale.status_code, stale.json()["reason"]) == (409, "stale_etag")
        assert (await gateway.call("DELETE", path, headers={"if-match": '"2"'})).status_code == 204
        gone = await gateway.call("GET", path)
        assert (gone.status_code, gone.json()["reason"]) == (404, "lead_not_found")


async def test_a_lead_ends_for_a_reason() -> None:
    """DELETE takes why, and into which lead it was merged; faults name its parameters."""
    async with run_gateway() as gateway:
        ids = [(await _create(gateway))["id"] for _ in range(4)]
        for query in ("", "?reason=converted", f"?reason=merged&into={ids[3]}"):
            assert (await gateway.call("DELETE", f"{LEADS}/{ids.pop(0)}{query}")).status_code == 204
        ended = [(request.reason, request.merged_into_lead_id) for request in gateway.store.leads.ended]
        assert ended == [
            (lead_service_pb2.END_REASON_DELETED, ""),
            (lead_service_pb2.END_REASON_CONVERTED, ""),
            (lead_service_pb2.END_REASON_MERGED, ids[0]),
        ]
        for query, field in (("?reason=bored", "reason"), (f"?reason=merged&into={ids[0]}", "into")):
            response = await gateway.call("DELETE", f"{LEADS}/{ids[0]}{query}")
            assert (response.status_code, response.json()["errors"][0]["field"]) == (400, field)


async def test_leads_are_found_by_record() -> None:
    """The integration and the record that are asked for reach lead-store."""
    async with run_gateway() as gateway:
        for query in ("integrationId=i&recordId=7", "integrationId=i"):
            assert (await gateway.call("GET", f"/api/v1/leads?{query}", "viewer")).status_code == 200
        asked = [(request.integration_id, request.record_id) for request in gateway.store.leads.listed]
        assert asked == [("i", "7"), ("i", "")]


async def test_a_create_can_be_repeated() -> None:
    """The same Idempotency-Key gives the same lead; one that is too long is refused."""
    async with run_gateway() as gateway:
        ids = {
            (await gateway.call("POST", LEADS, json=ANN, headers={"idempotency-key": "k"})).json()["id"]
            for _ in range(2)
        }
        assert len(ids) == 1
        long = await gateway.call("POST", LEADS, json=ANN, headers={"idempotency-key": "k" * 65})
        assert (long.status_code, long.json()["errors"][0]["field"]) == (400, "Idempotency-Key")


async def test_leads_are_listed_page_by_page() -> None:
    """A list goes on with the token of the page before, and can be asked for one e-mail."""
    async with run_gateway() as gateway:
        for number in range(3):
            await _create(gateway, email=f"{number}@example.com")
        first = (await gateway.call("GET", f"{LEADS}?pageSize=2")).json()
        rest = (await gateway.call("GET", f"{LEADS}?pageSize=2&pageToken={first['nextPageToken']}")).json()
        assert [lead["email"] for lead in first["leads"] + rest["leads"]] == [f"{n}@example.com" for n in range(3)]
        assert rest["nextPageToken"] is None
        one = (await gateway.call("GET", f"{LEADS}?email=1@example.com")).json()
        assert [lead["email"] for lead in one["leads"]] == ["1@example.com"]


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"email": 5, "jobtitle": "x"}, {"email", "jobtitle"}),
        ({"customFields": {"a b": "x", "ok": {}}, "phone": 1}, {"customFields.a b", "customFields.ok", "phone"}),
        ({"customFields": []}, {"customFields"}),
        ({"id": "x", "crmMetadata": {}}, {"id", "crmMetadata"}),
        ({"first_name": "x"}, {"first_name"}),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_wrong_fields_are_named_together(method: str, body: dict[str, Any], fields: set[str]) -> None:
    """Every unknown field and every wrong type is reported at once, each with its path."""
    async with run_gateway() as gateway:
        response = await gateway.call(method, LEADS if method == "POST" else f"{LEADS}/x", json=body)
        problem = response.json()
        assert (response.status_code, problem["reason"]) == (400, "invalid_field")
        assert response.headers["content-type"] == "application/problem+json"
        assert {error["field"] for error in problem["errors"]} == fields
        assert {"type", "title", "status", "detail"} <= set(problem)


async def test_a_services_field_paths_are_respelt() -> None:
    """Fields that lead-store refuses are named as the caller spelt them."""
    async with run_gateway() as gateway:
        response = await gateway.call("POST", LEADS, json={"phone": "1"})
        problem = response.json()
        assert (response.status_code, problem["reason"]) == (400, "invalid_field")
        assert [error["field"] for error in problem["errors"]] == ["firstName", "customFields.a_b"]
        assert problem["detail"] == "a lead needs a name"


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b" ", 400, "malformed_json"),
        (b"{", 400, "malformed_json"),
        (b"[]", 400, "malformed_json"),
        (b"[" * 50_000, 400, "malformed_json"),
        (b"{}" + b" " * 1_100_000, 413, "body_too_large"),
    ],
)
async def test_bodies_that_are_no_objects(body: bytes, status: int, reason: str) -> None:
    """What is not a JSON object of a sane size is refused with a stable reason."""
    async with run_gateway() as gateway:
        response = await gateway.call("POST", LEADS, content=body)
        assert (response.status_code, response.json()["reason"]) == (status, reason)


@pytest.mark.parametrize("query", ["emial=x", "pageSize=-1", "pageSize=x", "pageSize=²", "email=a&email=b"])
async def test_wrong_queries(query: str) -> None:
    """A misspelt or malformed parameter is refused, so that a filter is never silently left out."""
    async with run_gateway() as gateway:
        response = await gateway.call("GET", f"{LEADS}?{query}")
        assert (response.status_code, response.json()["reason"]) == (400, "invalid_field")


async def test_an_empty_change_is_refused() -> None:
    """PATCH with nothing in it says so."""
    async with run_gateway() as gateway:
        bodies: list[dict[str, Any]] = [{}, {"customFields": {}}]
        for body in bodies:
            response = await gateway.call("PATCH", f"{LEADS}/x", json=body)
            assert (response.status_code, response.json()["errors"][0]["field"]) == (400, "body")


async def test_unknown_addresses_and_methods() -> None:
    """404 and 405 are problems too; two slashes at the end are another address."""
    async with run_gateway() as gateway:
        for path in ("/nope", f"{LEADS}//", "/api/v1/webhooks/", "/api/v1/webhooks/a/b"):
            response = await gateway.call("GET", path)
            assert (response.status_code, response.json()["reason"]) == (404, "route_not_found")
        wrong = await gateway.call("PUT", LEADS)
        assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET, HEAD, POST")
        assert wrong.json()["reason"] == "method_not_allowed"


async def test_a_service_that_is_away() -> None:
    """While a service is away its part of the API is 503 with Retry-After, and says nothing inner."""
    async with run_gateway(LEAD_STORE_URL="127.0.0.1:1", CRM_CONNECTOR_URL="127.0.0.1:1") as gateway:
        for path, reason in ((LEADS, "store_unavailable"), ("/api/v1/crm-integration", "connector_unavailable")):
            response = await gateway.call("GET", path)
            assert (response.status_code, response.json()["reason"]) == (503, reason)
            assert "retry-after" in response.headers
            assert "127.0.0.1" not in response.text
