from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from integration.gateway.harness import RunningGateway, run_gateway
from leadsync.integration.v1 import integration_pb2
from leadsync.integration.v1 import integration_service_pb2 as pb
from leadsync.lead.v1 import lead_pb2
from leadsync.sync.v1 import policy_pb2

pytestmark = pytest.mark.anyio

CRM = "/api/v1/crm-integration"
BODY: dict[str, Any] = {
    "provider": "hubspot",
    "portalId": 48975575,
    "accessToken": "pat-very-secret",
    "appId": "39522895",
    "direction": "from_crm",
    "fieldMapping": {"email": "email", "firstName": "firstname", "customFields.score_1": "hs_score"},
    "fieldRules": {"firstName": {"rule": "ask", "blank": "clear", "direction": "from_crm"}, "email": {}},
    "fieldTransforms": {
        "firstName": [{"kind": "trim"}],
        "customFields.score_1": [{"kind": "phone_e164", "region": "CH"}, {"kind": "options", "options": {"1": "one"}}],
    },
    "policies": {
        "deletions": {"policy": "delete_lead", "graceSeconds": 3600, "capNumber": 5, "recordPolicy": "archive"},
        "matching": {"keys": ["email", "phone"], "phoneRegion": "CH"},
    },
    "paused": False,
}


async def _connect(gateway: RunningGateway, **changes: Any) -> dict[str, Any]:
    response = await gateway.call("POST", CRM, json=BODY | changes)
    assert response.status_code == 201, response.text
    created: dict[str, Any] = response.json()
    return created


async def test_an_integration_goes_round() -> None:
    """An integration comes back as configured, in the names of HTTP and without its secret."""
    async with run_gateway() as gateway:
        response = await gateway.call("POST", CRM, json=BODY, headers={"idempotency-key": "k"})
        created = response.json()
        assert (response.status_code, response.headers["etag"]) == (201, '"1"')
        assert created == {
            "id": created["id"],
            "provider": "hubspot",
            "portalId": "48975575",
            "appId": "39522895",
            "credential": "access_token",
            "direction": "from_crm",
            "fieldMapping": BODY["fieldMapping"],
            "fieldRules": {
                "firstName": {"rule": "ask", "blank": "clear", "direction": "from_crm"},
                "email": {"rule": "newest", "blank": "follow", "direction": "bidirectional"},
            },
            "fieldTransforms": BODY["fieldTransforms"],
            "policies": {
                "deletions": BODY["policies"]["deletions"] | {"capPercent": 20},
                "matching": BODY["policies"]["matching"],
            },
            "paused": False,
            "webhooksEnabled": False,
            "createdAt": None,
        }
        (sent,) = gateway.connector.created
        assert (sent.tenant_id, sent.request_id, sent.access_token) == ("acme", "k", "pat-very-secret")
        assert dict(sent.integration.field_mapping)["custom_fields.score_1"] == "hs_score"
        policy = sent.integration.policy
        assert policy.direction == lead_pb2.DIRECTION_FROM_CRM
        ask = policy_pb2.FieldRule(
            field="first_name", rule=policy_pb2.MERGE_RULE_ASK, blank=policy_pb2.BLANK_RULE_CLEAR
        )
        ask.direction = lead_pb2.DIRECTION_FROM_CRM
        assert list(policy.fields) == [ask, policy_pb2.FieldRule(field="email")]
        assert sent.integration.field_transforms[1].field == "custom_fields.score_1"
        assert policy.deletions == policy_pb2.Deletions(
            policy=policy_pb2.DELETE_POLICY_DELETE_LEAD,
            grace_seconds=3600,
            cap_number=5,
            record_policy=policy_pb2.RECORD_POLICY_ARCHIVE,
        )
        assert list(policy.matching.keys) == [policy_pb2.MATCH_KEY_EMAIL, policy_pb2.MATCH_KEY_PHONE]
        assert policy.matching.phone_region == "CH"
        got = await gateway.call("GET", f"{CRM}/{created['id']}", "viewer")
        listed = await gateway.call("GET", CRM, "viewer")
        assert (got.json(), listed.json()) == (created, {"integrations": [created], "nextPageToken": None})
        assert "pat-very-secret" not in response.text + got.text + listed.text


async def test_defaults_and_other_credentials() -> None:
    """The default direction is both ways; an OAuth code goes with its redirect address."""
    async with run_gateway() as gateway:
        minimal = {"provider": "hubspot", "code": "c", "redirectUri": "https://x.example/back"}
        assert (await gateway.call("POST", CRM, json=minimal)).json()["direction"] == "bidirectional"
        assert (await gateway.call("POST", CRM, json={"provider": "hubspot", "refreshToken": "r"})).status_code == 201
        first, second = gateway.connector.created
        assert first.integration.policy.direction == lead_pb2.DIRECTION_BIDIRECTIONAL
        assert (first.authorization_code.code, first.authorization_code.redirect_uri) == ("c", minimal["redirectUri"])
        assert second.refresh_token == "r"


async def test_a_connected_account_is_a_conflict() -> None:
    """The reason of a service is the reason of the answer."""
    async with run_gateway() as gateway:
        response = await gateway.call("POST", CRM, json=BODY | {"portalId": "1"})
        assert (response.status_code, response.json()["reason"]) == (409, "account_connected")


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"provider": None}, {"provider"}),
        ({"accessToken": None}, {"accessToken"}),
        ({"refreshToken": "x"}, {"accessToken"}),
        ({"accessToken": None, "code": "c"}, {"redirectUri"}),
        ({"direction": "sideways"}, {"direction"}),
        ({"fieldMapping": {"firstname": "x", "email": 1}}, {"fieldMapping.firstname", "fieldMapping.email"}),
        (
            {"fieldRules": {"email": {"rule": "x", "blank": 1, "else": 1}, "phone": 5}},
            {"fieldRules.email.rule", "fieldRules.email.blank", "fieldRules.email.else", "fieldRules.phone"},
        ),
        (
            {"fieldTransforms": {"email": [{"kind": "x", "region": "ch", "options": {}}], "phone": [], "nick": []}},
            {
                *(f"fieldTransforms.email[0].{name}" for name in ("kind", "region", "options")),
                *("fieldTransforms.phone", "fieldTransforms.nick"),
            },
        ),
        (
            {"policies": {"matching": {"keys": ["name"], "phoneRegion": "CHE"}}},
            {"policies.matching.keys[0]", "policies.matching.phoneRegion"},
        ),
        (
            {"policies": {"deletions": {"policy": "erase", "graceSeconds": 2_592_001, "capNumber": 0, "cap": 1}}},
            {f"policies.deletions.{name}" for name in ("policy", "graceSeconds", "capNumber", "cap")},
        ),
        ({"paused": "yes", "portalId": 1.5, "surprise": 1}, {"paused", "portalId", "surprise"}),
    ],
)
async def test_wrong_fields_are_named_together(changes: dict[str, Any], fields: set[str]) -> None:
    """Every fault of a configuration is reported at once, and no secret is repeated."""
    async with run_gateway() as gateway:
        response = await gateway.call("POST", CRM, json=BODY | changes)
        assert (response.status_code, response.json()["reason"]) == (400, "invalid_field")
        assert {error["field"] for error in response.json()["errors"]} == fields
        assert "pat-very-secret" not in response.text
        assert gateway.connector.created == []


async def test_settings_change_and_the_account_does_not() -> None:
    """PATCH changes what is named under If-Match, renews a credential, and refuses what cannot change."""
    async with run_gateway() as gateway:
        path = f"{CRM}/{(await _connect(gateway))['id']}"
        changed = await gateway.call("PATCH", path, json={"paused": True}, headers={"if-match": '"1"'})
        assert (changed.status_code, changed.json()["paused"], changed.headers["etag"]) == (200, True, '"2"')
        assert changed.json()["fieldMapping"] == BODY["fieldMapping"]
        assert list(gateway.connector.updated[0].update_mask.paths) == ["paused"]
        stale = await gateway.call("PATCH", path, json={"paused": False}, headers={"if-match": '"1"'})
        assert (stale.status_code, stale.json()["reason"]) == (409, "stale_etag")
        renewed = await gateway.call("PATCH", path, json={"accessToken": "pat-new"})
        assert (renewed.status_code, gateway.connector.updated[-1].access_token) == (200, "pat-new")
        fixed = await gateway.call("PATCH", path, json={"provider": "zoho", "portalId": "2"})
        assert {error["field"] for error in fixed.json()["errors"]} == {"provider", "portalId"}
        assert (await gateway.call("DELETE", path)).status_code == 204
        assert (await gateway.call("GET", path)).json()["reason"] == "integration_not_found"


async def test_how_deletions_are_followed() -> None:
    """Without a policy the defaults are shown; PATCH replaces it whole and alone; errors name fields as HTTP does."""
    async with run_gateway() as gateway:
        created = (await gateway.call("POST", CRM, json={"provider": "hubspot", "accessToken": "x"})).json()
        defaults = {"policy": "unlink", "graceSeconds": 0, "capNumber": 500, "capPercent": 20, "recordPolicy": "leave"}
        matching = {"keys": ["email"], "phoneRegion": ""}
        assert created["policies"] == {"deletions": defaults, "matching": matching}
        assert not gateway.connector.created[0].integration.policy.HasField("deletions")
        path, change = f"{CRM}/{created['id']}", {"policy": "ignore", "capPercent": 1}
        changed = await gateway.call("PATCH", path, json={"policies": {"deletions": change}})
        assert (changed.status_code, changed.json()["policies"]) == (
            200,
            {"deletions": defaults | change, "matching": matching},
        )
        assert list(gateway.connector.updated[0].update_mask.paths) == ["policy.deletions"]
        refused = await gateway.call("PATCH", path, json={"policies": {"deletions": {"capPercent": 13}}})
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "policies.deletions.capPercent")


async def test_a_change_that_concerns_past_records_names_its_run() -> None:
    """`applyRun` says which run applies the change; without anything to apply it is null. Only PATCH has it."""
    async with run_gateway() as gateway:
        path = f"{CRM}/{(await _connect(gateway))['id']}"
        rules = {"phone": {"direction": "to_crm"}}
        changed = (await gateway.call("PATCH", path, json={"fieldRules": rules})).json()
        assert changed["applyRun"] == {"runId": "run-1"}
        assert list(gateway.connector.updated[0].update_mask.paths) == ["policy.fields"]
        assert (await gateway.call("PATCH", path, json={"paused": True})).json()["applyRun"] is None
        assert (await gateway.call("GET", path)).json() == {k: v for k, v in changed.items() if k != "applyRun"} | {
            "paused": True
        }
        transforms = {"customFields.a_b": [{"kind": "date"}]}
        changed = (await gateway.call("PATCH", path, json={"fieldTransforms": transforms})).json()
        assert (changed["fieldTransforms"], changed["fieldRules"]["phone"]["direction"]) == (transforms, "to_crm")
        (sent,) = gateway.connector.updated[-1].integration.field_transforms
        assert (sent.field, sent.transforms[0].kind) == ("custom_fields.a_b", integration_pb2.TRANSFORM_KIND_DATE)


async def test_how_records_and_leads_are_matched() -> None:
    """PATCH replaces the matching policy whole, and leaves the other one alone."""
    async with run_gateway() as gateway:
        created = await _connect(gateway)
        change = {"keys": ["name_domain", "email"]}
        changed = await gateway.call("PATCH", f"{CRM}/{created['id']}", json={"policies": {"matching": change}})
        assert changed.json()["policies"] == created["policies"] | {"matching": change | {"phoneRegion": ""}}
        assert list(gateway.connector.updated[0].update_mask.paths) == ["policy.matching"]


async def test_webhooks_and_their_status() -> None:
    """Webhooks are enabled and disabled, and their status joins what the CRM says with what came in."""
    async with run_gateway() as gateway:
        item = (await _connect(gateway))["id"]
        enabled = (await gateway.call("POST", f"{CRM}/{item}/enable-webhooks")).json()
        assert (enabled["enabled"], enabled["subscriptionId"]) == (True, "8")
        before = (await gateway.call("GET", f"{CRM}/{item}/webhook-status", "viewer")).json()
        assert (before["lastReceivedAt"], before["totalReceived"], before["successRate"]) == (None, 0, None)
        gateway.store.work.known.add(item)
        status = (await gateway.call("GET", f"{CRM}/{item}/webhook-status", "viewer")).json()
        assert status == enabled | {
            "lastReceivedAt": "2026-06-25T07:19:30Z",
            "totalReceived": 12,
            "successRate": 66.67,
        }
        assert set(status) == {
            "enabled", "subscriptionId", "subscriptions", "url", "events", "lastReceivedAt", "totalReceived",
            "successRate", "managed", "instructions", "mode", "connected", "positionAgeSeconds", "expiresAt",
        }  # fmt: skip
        assert status["subscriptions"][1] == {
            "id": "8",
            "event": "contact.propertyChange",
            "property": "email",
            "active": True,
        }
        assert not (await gateway.call("POST", f"{CRM}/{item}/disable-webhooks")).json()["enabled"]


async def test_how_changes_get_known() -> None:
    """The status says how: by webhooks, a stream or sweeps. A stream has its state, a subscription perhaps an end."""
    async with run_gateway() as gateway:
        path = f"{CRM}/{(await _connect(gateway))['id']}/webhook-status"
        names = ("mode", "connected", "positionAgeSeconds", "expiresAt")
        found = []
        for mode in (pb.EVENT_MODE_WEBHOOK, pb.EVENT_MODE_STREAM, pb.EVENT_MODE_SWEEP):
            gateway.connector.mode = mode
            gateway.connector.expires_at = Timestamp(seconds=1_782_371_970) if mode == pb.EVENT_MODE_WEBHOOK else None
            status = (await gateway.call("GET", path, "viewer")).json()
            found.append(tuple(status[name] for name in names))
        assert found == [
            ("webhook", None, None, "2026-06-25T07:19:30Z"),
            ("stream", True, 7, None),
            ("sweep", None, None, None),
        ]


async def test_sync_status() -> None:
    """The counters of an integration, grouped by the way that changes went."""
    async with run_gateway() as gateway:
        gateway.store.work.known.add("i")
        assert (await gateway.call("GET", f"{CRM}/sync-status?integrationId=i", "viewer")).json() == {
            "fromCrm": {"created": 1, "updated": 2, "skipped": 3, "unlinked": 4, "failed": 1, "foundBySweep": 5},
            "toCrm": {"synced": 6, "failed": 0},
            "successRate": 66.67,
            "pending": 8,
            "oldestPendingSeconds": 9,
            "conflicts": 10,
            "failedWork": 11,
            "totalReceived": 12,
            "lastReceivedAt": "2026-06-25T07:19:30Z",
            "runs": [],
            "loops": [],
        }
        unknown = await gateway.call("GET", f"{CRM}/sync-status?integrationId=nope")
        assert (unknown.status_code, unknown.json()["reason"]) == (404, "integration_not_found")


async def test_work_is_listed_and_redriven() -> None:
    """Failed work is seen with its reason, and made due again as a whole."""
    async with run_gateway() as gateway:
        listed = (await gateway.call("GET", "/api/v1/work?integrationId=i&state=failed", "viewer")).json()
        assert listed["work"] == [
            {
                "id": "work_item",
                "integrationId": "i",
                "state": "failed",
                "recordId": None,
                "leadId": None,
                "dueAt": None,
                "attempts": 2,
                "reason": "rate_limited",
                "cause": "The quota is used up.",
                "remedy": None,
            }
        ]
        assert (await gateway.call("GET", "/api/v1/work?state=idle")).json()["errors"][0]["field"] == "state"
        redriven = await gateway.call("POST", "/api/v1/work/redrive", "operator", json={"integrationId": "i"})
        assert redriven.json() == {"queued": 3}
        some = {
            "integrationId": "i",
            "reason": "rate_limited",
            "workItemIds": ["a", "b"],
            "perSecond": 5,
            "dryRun": True,
        }
        await gateway.call("POST", "/api/v1/work/redrive", "operator", json=some)
        whole, part = gateway.store.work.redriven
        assert (whole.tenant_id, whole.failed, whole.reason, list(whole.work_item_ids)) == ("acme", True, "", [])
        assert (part.failed, part.reason, list(part.work_item_ids)) == (True, "rate_limited", ["a", "b"])
        assert (whole.per_second, whole.dry_run, part.per_second, part.dry_run) == (0, False, 5, True)
        for wrong in ({"integrationId": "i", "workItemIds": []}, {"integrationId": "i", "workItemIds": [1]}):
            refused = await gateway.call("POST", "/api/v1/work/redrive", json=wrong)
            assert (refused.status_code, refused.json()["reason"]) == (400, "invalid_field")


async def test_the_doctor() -> None:
    """What crm-connector finds is joined by whether webhooks can be verified and whether any has come in."""
    async with run_gateway() as gateway:
        path = f"{CRM}/{(await _connect(gateway))['id']}/check"
        found = (await gateway.call("GET", path, "viewer")).json()
        assert found["checks"][0] == {"name": "token", "state": "ok", "finding": "It works.", "fix": None}
        assert [(check["name"], check["state"]) for check in found["checks"]] == [
            ("token", "ok"), ("secret", "ok"), ("deliveries", "warning"),
        ]  # fmt: skip
        assert found["ok"]
        gateway.store.work.known.add(path.split("/")[-2])
        gateway.connector.checks[0].state = integration_pb2.CHECK_STATE_FAILED
        later = (await gateway.call("GET", path, "viewer")).json()
        assert (later["ok"], later["checks"][2]["state"]) == (False, "ok")
        assert "12 events" in later["checks"][2]["finding"]


async def test_the_doctor_spells_fields_as_the_api_does() -> None:
    """Lead fields in a finding and in its fix have the names of HTTP; properties of the CRM keep theirs."""
    async with run_gateway() as gateway:
        check = gateway.connector.checks[0]
        check.finding = "custom_fields.born: It is not a date. first_name: The CRM has no property `first_name`."
        check.fix = "Map custom_fields.born."
        path = f"{CRM}/{(await _connect(gateway))['id']}/check"
        found = (await gateway.call("GET", path)).json()["checks"][0]
        assert found["finding"] == (
            "customFields.born: It is not a date. firstName: The CRM has no property `first_name`."
        )
        assert found["fix"] == "Map customFields.born."


@pytest.mark.parametrize(
    ("environment", "state"),
    [
        ({"HUBSPOT_CLIENT_SECRET": ""}, "failed"),
        ({"HUBSPOT_CLIENT_SECRET": "7:of-another-app"}, "failed"),
        ({"HUBSPOT_CLIENT_SECRET": "7:of-another-app,39522895:of-this-one"}, "ok"),
        ({"HUBSPOT_CLIENT_SECRET": "", "LEADSYNC_ALLOW_UNSIGNED": "1"}, "warning"),
    ],
)
async def test_the_doctor_knows_the_secret(environment: dict[str, str], state: str) -> None:
    """A missing secret, or one of another app, is found, and the answer says how to correct it, without the secret."""
    async with run_gateway(**environment) as gateway:
        response = await gateway.call("GET", f"{CRM}/{(await _connect(gateway))['id']}/check")
        (secret,) = [check for check in response.json()["checks"] if check["name"] == "secret"]
        assert (secret["state"], bool(secret["fix"])) == (state, state != "ok")
        assert "of-another-app" not in response.text


async def test_the_crms_fields() -> None:
    """The CRM's properties are listed with the lead field that each is mapped to, in the names of HTTP."""
    async with run_gateway() as gateway:
        listed = await gateway.call("GET", f"{CRM}/{(await _connect(gateway))['id']}/fields", "viewer")
        common = {"readOnly": False, "options": []}
        assert listed.json()["fields"] == [
            {
                "property": "firstname",
                "object": "contact",
                "label": "First",
                "type": "string",
                "mappedTo": "firstName",
                **common,
            },
            {
                "property": "hs_x",
                "object": None,
                "label": "X",
                "type": "enumeration",
                "mappedTo": None,
                "readOnly": True,
                "options": [{"value": "OPEN", "label": "Open"}],
            },
        ]
