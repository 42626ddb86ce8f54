"""A gateway as its users see it: a real uvicorn on a real port, with doubles of the other services."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import jwt
from integration.gateway.doubles.connector import FakeConnector, serve_connector
from integration.gateway.doubles.store import Store
from webhook_gateway.bootstrap import listen, open_gateway
from webhook_gateway.metrics import Metrics
from webhook_gateway.providers.hubspot.signatures import Secret, sign_v3
from webhook_gateway.settings import Settings

TOKEN_KEY = "a-token-key-for-tests-that-is-long-enough"
OLD_TOKEN_KEY = "an-older-token-key-that-is-being-replaced"
SECRET = "client-secret"
API_URL = "https://sync.example.com"
HOOK = "/api/v1/webhooks/hubspot"


def now_ms() -> int:
    """Milliseconds since 1970, as HubSpot stamps them."""
    return time.time_ns() // 1_000_000


def event(**changes: Any) -> dict[str, Any]:
    """Make a contact.creation event."""
    base = {
        "eventId": 1,
        "portalId": 48975575,
        "appId": 39522895,
        "occurredAt": 1782371969536,
        "subscriptionType": "contact.creation",
        "attemptNumber": 0,
        "objectId": 508369434347,
        "changeSource": "INTEGRATION",
        "sourceId": "39522895",
    }
    return base | changes


def body_of(*events: dict[str, Any]) -> bytes:
    """Write events as HubSpot does: compact JSON."""
    return json.dumps(events, separators=(",", ":")).encode()


def sign(
    body: bytes, *, secret: str = SECRET, at: int | None = None, path: str = HOOK, api_url: str = API_URL
) -> dict[str, str]:
    """Make the headers of a signed request."""
    stamp = str(now_ms() if at is None else at)
    signature = sign_v3(Secret(secret.encode()), b"POST", (api_url + path).encode(), body, stamp.encode())
    return {
        "content-type": "application/json",
        "x-hubspot-signature-v3": signature.decode(),
        "x-hubspot-request-timestamp": stamp,
    }


def token(role: Any = "admin", *, key: str = TOKEN_KEY, tenant: Any = "acme", **claims: Any) -> str:
    """Make a token; a claim of None is left out."""
    content = {"tenant": tenant, "role": role, "sub": "tester", "aud": "leadsync", "exp": int(time.time()) + 60}
    merged = {name: value for name, value in (content | claims).items() if value is not None}
    return jwt.encode(merged, key, algorithm="HS256")


@dataclass
class RunningGateway:
    """A running gateway and the doubles around it."""

    http: httpx.AsyncClient
    store: Store
    connector: FakeConnector
    metrics: Metrics

    async def post(self, body: bytes, headers: dict[str, str] | None = None, path: str = HOOK) -> httpx.Response:
        """Send a webhook; signed, unless headers are given."""
        return await self.http.post(path, content=body, headers=sign(body, path=path) if headers is None else headers)

    async def call(self, method: str, path: str, role: str = "admin", **more: Any) -> httpx.Response:
        """Use the API with a token of this role."""
        headers = {"authorization": f"Bearer {token(role)}"} | more.pop("headers", {})
        return await self.http.request(method, path, headers=headers, **more)

    def metric(self, name: str, **labels: str) -> float:
        """Read a metric; 0 if it has not been counted yet."""
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


def environment(store: int, connector: int, **changes: str) -> dict[str, str]:
    """Make the environment of a gateway between these ports."""
    return {
        "API_URL": API_URL,
        "GATEWAY_PORT": "0",
        "HUBSPOT_CLIENT_SECRET": SECRET,
        "LEADSYNC_OPERATOR_TENANT": "acme",
        "LEADSYNC_TOKEN_KEY": f"{TOKEN_KEY},{OLD_TOKEN_KEY}",
        "LEAD_STORE_URL": f"127.0.0.1:{store}",
        "CRM_CONNECTOR_URL": f"127.0.0.1:{connector}",
    } | changes


@asynccontextmanager
async def run_gateway(**changes: str) -> AsyncIterator[RunningGateway]:
    """Run a gateway with doubles of the other services; `changes` go into its environment."""
    store, connector = Store(), FakeConnector()
    async with store.serve(), serve_connector(connector) as connector_port:
        settings = Settings.from_env(environment(store.port, connector_port, **changes))
        async with _serving(settings) as (metrics, port):
            limits = httpx.Limits(max_connections=500)
            base = f"http://127.0.0.1:{port}"
            async with httpx.AsyncClient(base_url=base, limits=limits, timeout=60, trust_env=False) as http:
                yield RunningGateway(http, store, connector, metrics)


@asynccontextmanager
async def _serving(settings: Settings) -> AsyncIterator[tuple[Metrics, int]]:
    with listen(settings.host, settings.port) as sock:
        async with open_gateway(settings) as opened:
            server = opened.server
            serving = asyncio.create_task(server.serve(sockets=[sock]))
            try:
                yield opened.metrics, sock.getsockname()[1]
            finally:
                server.should_exit = True
                await serving


async def until(condition: Callable[[], bool | Awaitable[bool]], seconds: float = 60) -> None:
    """Wait until a condition holds; fails after so many seconds."""
    async with asyncio.timeout(seconds):
        while True:
            holds = condition()
            if holds if isinstance(holds, bool) else await holds:
                return
            await asyncio.sleep(0.005)


def sizes(total: int, piece: int) -> Iterator[int]:
    """Split a size into pieces."""
    while total > 0:
        yield min(piece, total)
        total -= piece
