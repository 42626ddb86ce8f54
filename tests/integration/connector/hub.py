"""The HubSpot simulator, and our clients of it."""

import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
from crm_connector.crm import Access, ProviderContext
from crm_connector.providers.hubspot.provider import HubSpot
from crm_connector.providers.hubspot.settings import HubSpotSettings
from hubspot_simulator.client import ControlClient
from integration.connector.processes import child, free_port

TOKEN, APP_ID, PORTAL_ID = "pat-na1-simulator", "39522895", "48975575"
DEVELOPER_KEY, REFRESH_TOKEN = "simulator-developer-key", "na1-simulator-refresh-token"
CLIENT_ID, CLIENT_SECRET = "simulator-client-id", "simulator-secret"
BATCH_READ = "POST /crm/v3/objects/contacts/batch/read"
BATCH_UPDATE = "POST /crm/v3/objects/contacts/batch/update"
BATCH_UPSERT = "POST /crm/v3/objects/contacts/batch/upsert"
BATCH_ARCHIVE = "POST /crm/v3/objects/contacts/batch/archive"
LIST = "GET /crm/v3/objects/contacts"
SINGLE_GET = "GET /crm/v3/objects/contacts/{contactId}"
SEARCH = "POST /crm/v3/objects/contacts/search"


@dataclass(frozen=True)
class Simulator:
    """A HubSpot to talk to."""

    url: str
    control: ControlClient

    def call_count(self, route: str) -> int:
        """How often an endpoint was called since the last reset."""
        return self.calls().get(route, 0)

    def calls(self) -> Mapping[str, int]:
        """All calls since the last reset, by endpoint."""
        return self.control.calls()


@contextmanager
def simulator() -> Iterator[Simulator]:
    """Run the HubSpot simulator."""
    port = free_port()
    with child([sys.executable, "-m", "hubspot_simulator"], port, {"SIMULATOR_PORT": str(port)}):
        url = f"http://127.0.0.1:{port}"
        with ControlClient(url) as control:
            yield Simulator(url, control)


@contextmanager
def hubspot(
    base_url: str,
    timeout: float = 10.0,
    *,
    developer_key: str = DEVELOPER_KEY,
    version: str = "v3",
    count_call: Callable[[str, int], None] = lambda *_: None,
    kind: type[HubSpot] = HubSpot,
) -> Iterator[HubSpot]:
    """Build the provider against some address."""
    settings = HubSpotSettings(base_url, version, CLIENT_ID, CLIENT_SECRET, developer_key, timeout)
    provider = kind(settings, ProviderContext("jazzaam", threading.Event(), count_call))
    try:
        yield provider
    finally:
        provider.close()


@dataclass(frozen=True)
class StaticToken:
    """A token of the simulator."""

    token: str = TOKEN

    def get(self) -> Access:
        """Give it."""
        return Access(self.token)

    def reject(self, token: str) -> None:
        """There is no other one."""


def http(base_url: str) -> httpx.Client:
    """Open a client of the simulator's API, as its private app."""
    return httpx.Client(base_url=base_url, headers={"Authorization": f"Bearer {TOKEN}"}, trust_env=False)
