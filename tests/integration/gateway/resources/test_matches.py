from typing import Any

import pytest
from integration.gateway.harness import RunningGateway, run_gateway
from leadsync.sync.v1 import match_service_pb2 as pb

pytestmark = pytest.mark.anyio

MATCHES = "/api/v1/matches"
SEEN = {"integrationId": "i", "recordId": "7", "etag": "seen"}


def _wait(gateway: RunningGateway) -> None:
    """Make a record wait in lead-store."""
    match = pb.Match(integration_id="i", record_id="7", etag="seen")
    match.candidates.add(lead_id="a", keys=[1, 3])
    match.candidates.add(lead_id="b", taken=True)
    match.since.FromMilliseconds(1_782_371_970_000)
    gateway.store.matches.matches.append(match)


async def test_what_a_record_may_belong_to() -> None:
    """A match is shown with its candidates, what they have in common with the record, and whether they are taken."""
    async with run_gateway() as gateway:
        _wait(gateway)
        query = {"integrationId": "i", "pageSize": "3", "pageToken": "t"}
        page = (await gateway.call("GET", MATCHES, "viewer", params=query)).json()
        assert page == {
            "matches": [
                {
                    "integrationId": "i",
                    "recordId": "7",
                    "candidates": [
                        {"leadId": "a", "keys": ["email", "name_domain"], "taken": False},
                        {"leadId": "b", "keys": [], "taken": True},
                    ],
                    "since": "2026-06-25T07:19:30Z",
                    "etag": "seen",
                }
            ],
            "nextPageToken": "more",
        }
        (asked,) = gateway.store.matches.listed
        assert (asked.tenant_id, asked.integration_id, asked.page_size, asked.page_token) == ("acme", "i", 3, "t")


@pytest.mark.parametrize(
    ("choice", "kind", "picked"), [({"leadId": "a"}, "lead_id", "a"), ({"createNew": True}, "create_new", True)]
)
async def test_a_person_picks(choice: dict[str, Any], kind: str, picked: object) -> None:
    """A lead is picked or a new one asked for, in the name of the caller, with the etag that was seen."""
    async with run_gateway() as gateway:
        _wait(gateway)
        answer = await gateway.call("POST", f"{MATCHES}/pick", "operator", json=SEEN | choice)
        assert (answer.status_code, answer.content) == (204, b"")
        (sent,) = gateway.store.matches.picked
        assert (sent.tenant_id, sent.actor, sent.etag, sent.record_id) == ("acme", "tester", "seen", "7")
        assert (sent.WhichOneof("choice"), getattr(sent, kind)) == (kind, picked)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, (400, "invalid_field")),
        ({"leadId": "a", "createNew": True}, (400, "invalid_field")),
        ({"createNew": False}, (400, "invalid_field")),
        ({"leadId": "a", "etag": "old"}, (409, "stale_etag")),
        ({"leadId": "a", "recordId": "8"}, (404, "match_not_found")),
        ({"leadId": "pair_busy"}, (400, "pair_busy")),
    ],
)
async def test_a_choice_that_cannot_be(body: dict[str, Any], expected: tuple[int, str]) -> None:
    """Neither or both choices, what has changed since, and what lead-store refuses are answered with their reason."""
    async with run_gateway() as gateway:
        _wait(gateway)
        answer = await gateway.call("POST", f"{MATCHES}/pick", "operator", json=SEEN | body)
        assert (answer.status_code, answer.json()["reason"]) == expected
        assert gateway.store.matches.picked == []


async def test_leads_that_seem_to_be_one_person() -> None:
    """A pair names the lead that has the surviving record, and the one that lost its own."""
    async with run_gateway() as gateway:
        page = (await gateway.call("GET", "/api/v1/duplicates", "viewer", params={"integrationId": "i"})).json()
        pair = {"integrationId": "i", "recordId": "7", "leadId": "a", "duplicateLeadId": "b"}
        assert page == {"duplicates": [pair], "nextPageToken": None}
        assert gateway.store.matches.listed[0].integration_id == "i"
