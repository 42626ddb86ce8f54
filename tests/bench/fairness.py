"""One tenant's flood beside another tenant's changes."""

import threading
from typing import TYPE_CHECKING, Any

import httpx
from hubspot_simulator.client import ControlClient
from leadsync_cli.suite.catalogue import SIMULATED
from pymongo import MongoClient

from bench.events import signed_requests
from bench.figures import Figure, Group, at_most, plain
from bench.load import Outcome, run_closed

if TYPE_CHECKING:
    from bench.end_to_end import EndToEnd

PORTAL, EVENTS, PER_POST, PER_CONTACT = 777, 100_000, 100, 5


def measure_fairness(suite: "EndToEnd") -> Group:
    """Edit contacts of one tenant at a fixed rate: alone, and while another tenant's events arrive in a flood."""
    other, contacts = _other_tenant(suite)
    suite.quiet()
    alone, _ = suite.edit_and_watch()
    suite.quiet()
    requests = signed_requests(suite.rig.url, EVENTS // PER_POST, PER_POST, contacts, PORTAL)
    flood: list[Outcome] = []
    port = suite.rig.settings.ports.gateway
    sender = threading.Thread(target=lambda: flood.append(run_closed(port, requests, 10, seconds=600)))
    sender.start()
    beside, lost = suite.edit_and_watch()
    with MongoClient[dict[str, Any]](suite.rig.mongo_url) as client:
        left = client["leadsync_lead_store"]["work_items"].count_documents(
            {"integration_id": other, "due_at": {"$ne": None}}
        )
    sender.join()
    figures = (
        plain("change in HubSpot → lead, p99, alone", alone.percentile(0.99), "ms", alone.middle),
        plain("change in HubSpot → lead, p99, beside the flood", beside.percentile(0.99), "ms", beside.middle),
        at_most(
            "p99 beside the flood as a multiple of p99 alone", beside.percentile(0.99) / alone.percentile(0.99), 2, "×"
        ),
        Figure("changes that never showed", f"{lost}", "0", lost == 0),
        plain("POST/s of the flood", flood[0].rate, "/s", f"refused: {flood[0].refused:,}"),
        plain("records of the flood still waiting when the last change had shown", left, ""),
    )
    how = (
        f"Another tenant's {EVENTS:,} events, {PER_POST} a POST over ten connections, name {len(contacts):,} contacts "
        "that leadsync does not know, while people edit contacts of this tenant as above. Everything runs on all cores."
    )
    return Group("One tenant's import beside another tenant's changes", how, figures)


def _other_tenant(suite: "EndToEnd") -> tuple[str, list[int]]:
    """Connect a portal full of contacts for which no webhook came; return its integration's id and their ids."""
    with ControlClient(suite.rig.hubspot_url, portal_id=PORTAL) as hubspot:
        hubspot.add_portal(PORTAL)
        contacts = hubspot.create_contacts(EVENTS // PER_CONTACT, prefix="other")
        token = hubspot.add_token(app_id=int(SIMULATED["HUBSPOT_APP_ID"]), portal_id=PORTAL)
    headers = {"Authorization": f"Bearer {suite.rig.token_of('other')}"}
    with httpx.Client(base_url=f"{suite.rig.url}/api/v1", headers=headers, timeout=60, trust_env=False) as api:
        body = {"provider": "hubspot", "accessToken": token, "direction": "from_crm"}
        answer = api.post("/crm-integration", json=body)
        answer.raise_for_status()
        integration_id = str(answer.json()["id"])
        api.post(f"/crm-integration/{integration_id}/enable-webhooks").raise_for_status()
    return integration_id, [int(contact) for contact in contacts]
