"""All parts of webhook-gateway on one page: built in order, closed in reverse."""

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass

import structlog
from grpc.aio import Channel

from webhook_gateway.console.bootstrap import build_console
from webhook_gateway.http.api import Description
from webhook_gateway.http.app import Application, build_routes
from webhook_gateway.http.auth import Tokens
from webhook_gateway.http.roles import DOORS
from webhook_gateway.http.server import Server, build_server
from webhook_gateway.http.tries import FailedTries
from webhook_gateway.ingest.admission import AdmissionLimits
from webhook_gateway.ingest.door import WebhookEndpoint
from webhook_gateway.ingest.inbox import Inbox
from webhook_gateway.ingest.intake import Intake
from webhook_gateway.ingest.quarantine import Quarantine
from webhook_gateway.ingest.quarantine_store import QuarantineStore
from webhook_gateway.ingest.reception import Reception
from webhook_gateway.ingest.replay import QuarantineReplay
from webhook_gateway.ingest.tally import Tally
from webhook_gateway.logs import LineBudget, ThinnedLines
from webhook_gateway.metrics import Metrics
from webhook_gateway.resources.checks import Checks
from webhook_gateway.resources.conflicts import Conflicts
from webhook_gateway.resources.crm_fields import CrmSchemas
from webhook_gateway.resources.decisions import Decisions
from webhook_gateway.resources.duplicates import Duplicates
from webhook_gateway.resources.events import Events
from webhook_gateway.resources.health import Health
from webhook_gateway.resources.history import Histories
from webhook_gateway.resources.integrations import Integrations
from webhook_gateway.resources.lead_fields import LeadFields
from webhook_gateway.resources.leads import Leads
from webhook_gateway.resources.loops import Loops
from webhook_gateway.resources.matches import Matches
from webhook_gateway.resources.only_integration import OnlyIntegration
from webhook_gateway.resources.quarantine import Quarantines, Replay
from webhook_gateway.resources.runs import Runs
from webhook_gateway.resources.subscriptions import Subscriptions
from webhook_gateway.resources.sync_status import SyncStatuses
from webhook_gateway.resources.webhooks import ADDRESS, Webhooks
from webhook_gateway.resources.work import WorkItems
from webhook_gateway.revocations import Revocations
from webhook_gateway.rpc.calls import is_away, open_channel
from webhook_gateway.settings import Settings
from webhook_gateway.tls import Renewed

LAST_SECONDS = 0.5  # for refused requests that still go to quarantine


@dataclass(frozen=True, slots=True)
class Gateway:
    """A gateway that can be served."""

    server: Server
    metrics: Metrics
    background: asyncio.Task[None]  # ends only when the gateway closes, or by an error


@asynccontextmanager
async def open_gateway(settings: Settings, shared: str = "") -> AsyncIterator[Gateway]:
    """Build everything inside the running event loop; `shared` is the folder of metrics of several processes."""
    metrics = Metrics(shared)
    registry = settings.providers
    tls = Renewed(settings.tls) if settings.tls else None
    if tls:
        metrics.watch_certificate(tls)
    async with (
        open_channel(settings.lead_store_url, "lead-store", tls) as store,
        open_channel(settings.crm_connector_url, "crm-connector", tls) as connector,
    ):
        lines, thinned = LineBudget(time.monotonic), ThinnedLines(time.monotonic)
        limits = AdmissionLimits(account_percent=settings.account_percent)
        intake = Intake(Inbox(store).record, metrics, limits, on_kept=Tally(metrics, registry, lines).kept)
        reception = Reception(intake, settings.api_url)
        quarantine_store = QuarantineStore(store)
        quarantine = Quarantine(quarantine_store.store, metrics)
        parts = intake, reception, quarantine, metrics, thinned
        webhooks = {ADDRESS.format(provider=slug): WebhookEndpoint(item, *parts) for slug, item in registry.items()}
        replay = QuarantineReplay(quarantine_store, intake, reception, registry)
        resources = _resources(store, connector, settings, replay.run, metrics)
        quarantining = asyncio.create_task(quarantine.run())
        try:
            revocations = Revocations(settings.revoked_tokens)
            tokens = Tokens(settings.token_keys, revocations, settings.token_days)
            titles = {slug: provider.title for slug, provider in registry.items()}
            console = build_console(store, resources, settings, revocations, thinned, titles)
            routes = build_routes(resources, tokens, FailedTries(time.monotonic), console.routes)
            doors = build_routes(resources, tokens, FailedTries(time.monotonic), only=DOORS)
            application = Application(webhooks, routes, metrics, thinned, door=settings.webhook_port, doors=doors)
            server = build_server(application, metrics, thinned, settings.trusted_proxies)
            yield Gateway(server, metrics, quarantining)
        finally:
            quarantine.close()
            await intake.close()
            await asyncio.wait({quarantining}, timeout=LAST_SECONDS)
            quarantining.cancel()


def _resources(
    store: Channel, connector: Channel, settings: Settings, replay: Replay, metrics: Metrics
) -> list[object]:
    """Make everything that the API offers."""
    registry = settings.providers
    fields = LeadFields(store)
    only = OnlyIntegration(connector)
    runs = Runs(connector, only)
    statuses = SyncStatuses(store, runs, Loops(connector), only)
    return [
        Webhooks(registry),
        Events(store, registry),
        Quarantines(store, replay, settings.operator_tenant),
        Leads(store, fields, only),
        fields,
        Histories(store),
        Conflicts(store),
        Decisions(store),
        Matches(store),
        Duplicates(store),
        statuses,
        runs,
        Integrations(connector),
        Subscriptions(connector, statuses),
        Checks(connector, statuses, registry),
        CrmSchemas(connector),
        WorkItems(store, only),
        Health(store, metrics),
        Description(),
    ]


def listen(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """Open the listening socket; if `shared`, other processes may open the same. Raises OSError if it is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=2048, reuse_port=shared)


@contextmanager
def listening(settings: Settings, *, shared: bool = False) -> Iterator[list[socket.socket]]:
    """Open all sockets of these settings until the block ends. Raises OSError if a port is taken."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(listen(settings.host, settings.port, shared=shared))]
        if settings.webhook_port:
            sockets.append(stack.enter_context(listen(settings.webhook_host, settings.webhook_port, shared=shared)))
        yield sockets


async def run(settings: Settings, stop: asyncio.Event, sockets: list[socket.socket], shared: str = "") -> None:
    """Serve until `stop` is set, then answer the requests that have begun and close.

    Raises what ended the server or the work in the background: then the process has to end and start again.
    """
    log, targets = structlog.get_logger(), (settings.lead_store_url, settings.crm_connector_url)
    async with open_gateway(settings, shared) as gateway:
        server = gateway.server
        serving = asyncio.create_task(server.serve(sockets=sockets))
        stopping = asyncio.create_task(stop.wait())
        for check in (provider.check("") for provider in settings.providers.values()):
            if check.state != "ok":
                log.warning(check.finding, fix=check.fix)
        if settings.tls is None and (away := [target for target in targets if is_away(target)]):
            log.warning("webhook-gateway calls services without TLS: others may read and answer", services=away)
        port, pid = sockets[0].getsockname()[1], os.getpid()
        log.info("webhook-gateway listens", host=settings.host, port=port, url=settings.api_url, pid=pid)
        if settings.webhook_port:
            log.info("webhooks have a port of their own", host=settings.webhook_host, port=settings.webhook_port)
        await asyncio.wait({serving, stopping, gateway.background}, return_when=asyncio.FIRST_COMPLETED)
        if gateway.background.done():
            log.error("webhook-gateway ends, since its work in the background has ended")
        server.should_exit = True
        await serving
        stopping.cancel()
        if gateway.background.done():
            gateway.background.result()
    log.info("webhook-gateway has stopped")
