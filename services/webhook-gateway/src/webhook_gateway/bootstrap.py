"""All nouns of webhook-gateway on one page: built in order, closed in reverse."""

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import structlog
import uvicorn

from webhook_gateway.admission import Room
from webhook_gateway.clients.calls import open_channel
from webhook_gateway.clients.conflicts import ConflictClient
from webhook_gateway.clients.health import HealthClient
from webhook_gateway.clients.inbox import InboxClient
from webhook_gateway.clients.integrations import IntegrationClient
from webhook_gateway.clients.leads import LeadClient
from webhook_gateway.clients.matches import MatchClient
from webhook_gateway.clients.quarantine import QuarantineClient
from webhook_gateway.clients.runs import RunClient
from webhook_gateway.clients.sync import SyncClient
from webhook_gateway.http.app import build_app
from webhook_gateway.http.auth import Tokens
from webhook_gateway.http.calling import Services
from webhook_gateway.http.door import WebhookDoor
from webhook_gateway.intake import Intake
from webhook_gateway.logs import LineBudget
from webhook_gateway.metrics import Metrics
from webhook_gateway.providers.registry import build_registry
from webhook_gateway.quarantine import Quarantine
from webhook_gateway.reception import Reception
from webhook_gateway.settings import Settings
from webhook_gateway.tally import Tally
from webhook_gateway.verifying import SecondLook

MAX_CONNECTIONS = 4096
STOP_SECONDS = 5  # for answers that are on their way
LAST_SECONDS = 0.5  # for what was refused to be quarantined
KEEP_ALIVE_SECONDS = 75  # longer than the usual proxy in front, so that the proxy ends idle connections


@asynccontextmanager
async def open_services(settings: Settings, shared: str = "") -> AsyncIterator[Services]:
    """Build everything behind the routes, inside the running event loop; `shared` is for the metrics."""
    metrics = Metrics(shared)
    async with open_channel(settings.lead_store_url) as store, open_channel(settings.crm_connector_url) as connector:
        registry = build_registry(settings)
        inbox, kept_back = InboxClient(store, registry), QuarantineClient(store)
        lines = LineBudget(time.monotonic)
        tally = Tally(metrics, registry, lines)
        room = Room(account_percent=settings.account_percent)
        intake = Intake(inbox.record, metrics, room, listener=tally.kept)
        reception = Reception(intake, settings.api_url)
        quarantine = Quarantine(kept_back.keep, metrics)
        quarantining = asyncio.create_task(quarantine.run())
        try:
            yield Services(
                door=WebhookDoor(registry, reception, quarantine, metrics, lines),
                inbox=inbox,
                quarantine=kept_back,
                second_look=SecondLook(kept_back, reception, registry),
                leads=LeadClient(store),
                conflicts=ConflictClient(store),
                matches=MatchClient(store),
                integrations=IntegrationClient(connector),
                runs=RunClient(connector),
                sync=SyncClient(store),
                store_health=HealthClient(store),
                tokens=Tokens(settings.token_keys),
                metrics=metrics,
            )
        finally:
            quarantine.close()
            await intake.close()
            await asyncio.wait({quarantining}, timeout=LAST_SECONDS)
            quarantining.cancel()


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


def listen(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """Open the listening socket; `shared`, beside equal ones of other processes. Raises OSError if it is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=2048, reuse_port=shared)


async def run(settings: Settings, stop: asyncio.Event, sock: socket.socket, shared: str = "") -> None:
    """Serve until `stop` is set, then answer what is on its way and close."""
    log = structlog.get_logger()
    async with open_services(settings, shared) as services:
        server = build_server(services)
        serving = asyncio.create_task(server.serve(sockets=[sock]))
        stopping = asyncio.create_task(stop.wait())
        check = services.door.provider("hubspot").check("")
        if check.state != "ok":
            log.warning(check.finding, fix=check.fix)
        port, pid = sock.getsockname()[1], os.getpid()
        log.info("webhook-gateway listens", host=settings.host, port=port, url=settings.api_url, pid=pid)
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        server.should_exit = True
        await serving
        stopping.cancel()
    log.info("webhook-gateway has stopped")
