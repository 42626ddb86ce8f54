"""All nouns of webhook-gateway on one page: built in order, closed in reverse."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import structlog
import uvicorn

from webhook_gateway.clients.calls import open_channel
from webhook_gateway.clients.conflicts import ConflictClient
from webhook_gateway.clients.health import HealthClient
from webhook_gateway.clients.inbox import InboxClient
from webhook_gateway.clients.integrations import IntegrationClient
from webhook_gateway.clients.leads import LeadClient
from webhook_gateway.clients.runs import RunClient
from webhook_gateway.clients.sync import SyncClient
from webhook_gateway.http.app import build_app
from webhook_gateway.http.auth import Tokens
from webhook_gateway.http.calling import Services
from webhook_gateway.http.door import WebhookDoor
from webhook_gateway.intake import Intake
from webhook_gateway.metrics import Metrics
from webhook_gateway.providers.registry import build_registry
from webhook_gateway.settings import Settings

MAX_CONNECTIONS = 4096
STOP_SECONDS = 5  # for answers that are on their way
KEEP_ALIVE_SECONDS = 75  # longer than the usual proxy in front, so that the proxy ends idle connections


@asynccontextmanager
async def open_services(settings: Settings) -> AsyncIterator[Services]:
    """Build everything behind the routes, inside the running event loop."""
    metrics = Metrics()
    async with open_channel(settings.lead_store_url) as store, open_channel(settings.crm_connector_url) as connector:
        registry = build_registry(settings)
        inbox = InboxClient(store, registry)
        intake = Intake(inbox.record, metrics)
        try:
            yield Services(
                door=WebhookDoor(registry, intake, metrics, settings.api_url),
                inbox=inbox,
                leads=LeadClient(store),
                conflicts=ConflictClient(store),
                integrations=IntegrationClient(connector),
                runs=RunClient(connector),
                sync=SyncClient(store),
                store_health=HealthClient(store),
                tokens=Tokens(settings.token_keys),
                metrics=metrics,
            )
        finally:
            await intake.close()


class Server(uvicorn.Server):
    """uvicorn without signal handlers of its own: whoever runs it decides when it ends."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


def build_server(services: Services) -> Server:
    """Make the HTTP server; run it with `serve(sockets=[...])`, end it with `should_exit = True`."""
    config = uvicorn.Config(
        build_app(services),
        http="httptools",
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    return Server(config)


def listen(host: str, port: int) -> socket.socket:
    """Open the listening socket. Raises OSError if the address is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=2048)


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Serve until `stop` is set, then answer what is on its way and close. Raises OSError if the port is taken."""
    log = structlog.get_logger()
    with listen(settings.host, settings.port) as sock:
        async with open_services(settings) as services:
            server = build_server(services)
            serving = asyncio.create_task(server.serve(sockets=[sock]))
            stopping = asyncio.create_task(stop.wait())
            check = services.door.provider("hubspot").check("")
            if check.state != "ok":
                log.warning(check.finding, fix=check.fix)
            log.info("webhook-gateway listens", host=settings.host, port=sock.getsockname()[1], url=settings.api_url)
            await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
            server.should_exit = True
            await serving
            stopping.cancel()
    log.info("webhook-gateway has stopped")
