"""Many portals in the simulated HubSpot, each connected by a tenant of its own."""

from collections.abc import Sequence
from dataclasses import dataclass

import httpx
from hubspot_simulator.client import ControlClient
from leadsync_cli.suite.catalogue import SIMULATED

from bench.events import signed_requests
from bench.rig import Rig

APP = int(SIMULATED["HUBSPOT_APP_ID"])
FIRST_PORTAL = 70_001


@dataclass(frozen=True, slots=True)
class Portal:
    """A connected portal with its contacts."""

    number: int
    tenant: str
    integration_id: str
    contacts: tuple[str, ...]

    def requests(self, url: str, events_per_contact: int, events_per_post: int) -> list[bytes]:
        """Signed POSTs in which each contact has so many events."""
        posts = -(-len(self.contacts) * events_per_contact // events_per_post)
        return signed_requests(url, posts, events_per_post, [int(one) for one in self.contacts], self.number)


def connect(rig: Rig, contacts: Sequence[int]) -> list[Portal]:
    """Open a portal for each number of contacts and connect it; no event tells of these contacts."""
    made = [_opened(rig, FIRST_PORTAL + n, many) for n, many in enumerate(contacts)]
    return [_connected(rig, number, ids, token) for number, ids, token in made]


def edit(rig: Rig, portals: Sequence[Portal], company: str) -> None:
    """Let people edit every contact. The events about it are sent by us, so the simulator keeps its own."""
    for portal in portals:
        with ControlClient(rig.hubspot_url, portal_id=portal.number) as hubspot:
            for contact in portal.contacts:
                hubspot.edit_contact(contact, {"company": f"{company} of {contact}"})


def _opened(rig: Rig, number: int, many: int) -> tuple[int, tuple[str, ...], str]:
    with ControlClient(rig.hubspot_url, portal_id=number) as hubspot:
        hubspot.add_portal(number)
        ids = hubspot.create_contacts(many, prefix=f"p{number}-")
        return number, tuple(ids), hubspot.add_token(app_id=APP, portal_id=number)


def list_integrations(rig: Rig, gateway: str, portal: Portal) -> None:
    """Ask a gateway for a tenant's integrations, which it asks its connector for."""
    with _api(rig, portal.tenant, f"http://{rig.parts[gateway].address}") as api:
        api.get("/crm-integration").raise_for_status()


def _connected(rig: Rig, number: int, contacts: tuple[str, ...], token: str) -> Portal:
    tenant = f"tenant-{number}"
    with _api(rig, tenant, rig.url) as api:
        body = {"provider": "hubspot", "accessToken": token, "direction": "from_crm"}
        integration_id = str(api.post("/crm-integration", json=body).raise_for_status().json()["id"])
        api.post(f"/crm-integration/{integration_id}/enable-webhooks").raise_for_status()
    return Portal(number, tenant, integration_id, contacts)


def _api(rig: Rig, tenant: str, url: str) -> httpx.Client:
    headers = {"Authorization": f"Bearer {rig.token_of(tenant)}"}
    return httpx.Client(base_url=f"{url}/api/v1", headers=headers, timeout=60, trust_env=False)
