from typing import Any

import pytest
from integration.gateway.harness import RunningGateway, run_gateway, token
from leadsync.sync.v1 import conflict_service_pb2 as pb

pytestmark = pytest.mark.anyio

CONFLICTS = "/api/v1/conflicts"
SEEN = {"leadId": "lead", "integrationId": "i", "field": "jobTitle", "etag": "seen"}


def _wait(gateway: RunningGateway, **changes: Any) -> pb.Conflict:
    """Make a field wait in lead-store."""
    given = {"lead_id": "lead", "integration_id": "i", "record_id": "7", "field": "job_title", "etag": "seen"}
    conflict = pb.Conflict(**(given | changes))
    gateway.store.conflicts.conflicts.append(conflict)
    return conflict


async def test_what_waits_for_a_person() -> None:
    """A conflict is shown with both values, who set each and when, and the side that was set last."""
    async with run_gateway() as gateway:
        conflict = _wait(
            gateway, base="CEO", ours="CTO", theirs="CFO", ours_source="platform", theirs_source="CRM_UI:7"
        )
        conflict.ours_changed_at.FromMilliseconds(1_782_371_969_000)
        conflict.theirs_changed_at.FromMilliseconds(1_782_371_970_000)
        conflict.suggested = pb.SIDE_CRM
        page = (await gateway.call("GET", CONFLICTS, "viewer")).json()
        assert page == {
            "conflicts": [
                {
                    "leadId": "lead",
                    "integrationId": "i",
                    "recordId": "7",
                    "field": "jobTitle",
                    "base": "CEO",
                    "ours": "CTO",
                    "theirs": "CFO",
                    "oursChangedAt": "2026-06-25T07:19:29Z",
                    "oursSource": "platform",
                    "theirsChangedAt": "2026-06-25T07:19:30Z",
                    "theirsSource": "CRM_UI:7",
                    "overwritten": False,
                    "suggested": "crm",
                    "etag": "seen",
                }
            ],
            "nextPageToken": None,
        }


async def test_a_blank_base_is_not_an_absent_one() -> None:
    """Sides that never agreed have no base; those that agreed on a blank have an empty one; unknown is null."""
    async with run_gateway() as gateway:
        _wait(gateway)
        _wait(gateway, base="", field="custom_fields.a_b", overwritten=True)
        never, blank = (await gateway.call("GET", CONFLICTS)).json()["conflicts"]
        assert (never["base"], never["ours"], never["oursChangedAt"], never["suggested"]) == (None, None, None, None)
        assert (blank["base"], blank["field"], blank["overwritten"]) == ("", "customFields.a_b", True)


async def test_filters_reach_lead_store() -> None:
    """Every filter of the list is passed on, the field in the contracts' spelling; an unknown field is refused."""
    async with run_gateway() as gateway:
        query = {"integrationId": "i", "leadId": "l", "field": "jobTitle", "pageSize": "3", "pageToken": "t"}
        page = (await gateway.call("GET", CONFLICTS, params=query)).json()
        assert page == {"conflicts": [], "nextPageToken": "more"}
        (asked,) = gateway.store.conflicts.listed
        assert (asked.tenant_id, asked.integration_id, asked.lead_id, asked.field) == ("acme", "i", "l", "job_title")
        assert (asked.page_size, asked.page_token) == (3, "t")
        wrong = await gateway.call("GET", CONFLICTS, params={"field": "job_title"})
        assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (400, "field")


@pytest.mark.parametrize(
    ("choice", "kind", "taken"),
    [
        ({"take": "platform"}, "take", pb.SIDE_PLATFORM),
        ({"take": "crm"}, "take", pb.SIDE_CRM),
        ({"value": "CIO"}, "value", "CIO"),
        ({"value": ""}, "value", ""),
        ({"value": None}, "value", ""),
    ],
)
async def test_a_person_decides(choice: dict[str, Any], kind: str, taken: object) -> None:
    """A side or another value is taken, in the name of the caller, with the revision that was seen."""
    async with run_gateway() as gateway:
        _wait(gateway)
        answer = await gateway.call("POST", f"{CONFLICTS}/resolve", "operator", json=SEEN | choice)
        assert (answer.status_code, answer.json()) == (200, {"decisionId": "decision"})
        (sent,) = gateway.store.conflicts.resolved
        assert isinstance(sent, pb.ResolveConflictRequest)
        assert (sent.tenant_id, sent.actor, sent.etag, sent.field) == ("acme", "tester", "seen", "job_title")
        assert (sent.WhichOneof("choice"), getattr(sent, kind)) == (kind, taken)


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({}, {"take"}),
        ({"take": "crm", "value": "x"}, {"take"}),
        ({"take": "crm", "value": None}, {"take"}),
        ({"take": "newest", "etag": "", "field": "id"}, {"take", "etag", "field"}),
        ({"take": None, "actor": "somebody else"}, {"take", "actor"}),
    ],
)
async def test_half_a_decision_is_none(changes: dict[str, Any], fields: set[str]) -> None:
    """Exactly one of side and value is needed, with the revision; who decides is never up to the body."""
    async with run_gateway() as gateway:
        _wait(gateway)
        answer = await gateway.call("POST", f"{CONFLICTS}/resolve", json=SEEN | changes)
        assert (answer.status_code, answer.json()["reason"]) == (400, "invalid_field")
        assert {error["field"] for error in answer.json()["errors"]} == fields
        assert gateway.store.conflicts.resolved == []


async def test_a_decision_on_something_else() -> None:
    """A conflict that has moved on since it was seen is 409, one that is settled already is 404."""
    async with run_gateway() as gateway:
        _wait(gateway)
        for changes, expected in (
            ({"etag": "older"}, (409, "stale_etag")),
            ({"field": "phone"}, (404, "conflict_not_found")),
        ):
            answer = await gateway.call("POST", f"{CONFLICTS}/resolve", json=SEEN | {"take": "crm"} | changes)
            assert (answer.status_code, answer.json()["reason"]) == expected


async def test_all_conflicts_of_a_field() -> None:
    """One side is taken everywhere, in the name of the caller; the answer says whether to ask again."""
    async with run_gateway() as gateway:
        body = {"integrationId": "i", "field": "customFields.a_b", "take": "platform"}
        answer = await gateway.call("POST", f"{CONFLICTS}/resolve-all", "operator", json=body)
        assert (answer.status_code, answer.json()) == (200, {"resolved": 1000, "more": True})
        (sent,) = gateway.store.conflicts.resolved
        assert (sent.tenant_id, sent.integration_id, sent.field) == ("acme", "i", "custom_fields.a_b")
        assert (sent.take, sent.actor) == (pb.SIDE_PLATFORM, "tester")
        missing = await gateway.call("POST", f"{CONFLICTS}/resolve-all", json={"field": "email", "value": "x"})
        assert {error["field"] for error in missing.json()["errors"]} == {"integrationId", "take", "value"}


async def test_a_decision_is_undone() -> None:
    """Undoing names the lead that was changed back, and is done in the name of the caller."""
    async with run_gateway() as gateway:
        answer = await gateway.call("POST", "/api/v1/decisions/decision/undo", "operator")
        assert (answer.status_code, answer.json()) == (200, {"leadId": "lead"})
        (sent,) = gateway.store.conflicts.undone
        assert (sent.tenant_id, sent.decision_id, sent.actor) == ("acme", "decision", "tester")


@pytest.mark.parametrize(
    ("decision", "status", "reason"),
    [
        ("undo_too_late", 400, "undo_too_late"),
        ("nothing_to_undo", 400, "nothing_to_undo"),
        ("changed_since", 400, "changed_since"),
        ("other", 404, "decision_not_found"),
    ],
)
async def test_what_cannot_be_undone(decision: str, status: int, reason: str) -> None:
    """lead-store's reason says why a decision cannot be undone."""
    async with run_gateway() as gateway:
        answer = await gateway.call("POST", f"/api/v1/decisions/{decision}/undo")
        assert (answer.status_code, answer.json()["reason"]) == (status, reason)


async def test_the_history_of_a_lead() -> None:
    """Each decision on a lead says what it replaced, on which side and why; it can be asked for one field."""
    async with run_gateway() as gateway:
        lead = (await gateway.call("POST", "/api/v1/leads", json={"firstName": "Ann"})).json()["id"]
        path = f"/api/v1/leads/{lead}/history"
        page = (await gateway.call("GET", path, "viewer", params={"field": "firstName", "pageSize": "1"})).json()
        assert page == {
            "explanations": [
                {
                    "decisionId": "decision",
                    "decidedAt": "2026-06-25T07:19:30Z",
                    "outcome": "updated",
                    "actor": "i",
                    "integrationId": "i",
                    "recordId": "7",
                    "reason": None,
                    "eventSource": "CRM_UI:userId:7",
                    "fields": [
                        {
                            "field": "firstName",
                            "side": "platform",
                            "before": None,
                            "after": "Ann",
                            "because": "only the CRM changed it",
                        },
                        {"field": "customFields.a_b", "side": "crm", "before": "x", "after": None, "because": None},
                    ],
                }
            ],
            "nextPageToken": "more",
        }
        (asked,) = gateway.store.leads.explained
        assert (asked.tenant_id, asked.lead_id, asked.field, asked.page_size) == ("acme", lead, "first_name", 1)
        stranger = {"authorization": f"Bearer {token(tenant='other')}"}
        unknown = await gateway.call("GET", path, headers=stranger)
        assert (unknown.status_code, unknown.json()["reason"]) == (404, "lead_not_found")
