"""Builds the whole service on one page; an ExitStack takes it down in reverse."""

import threading
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime

import structlog
import uuid6

from crm_connector.clients.channel import open_channel
from crm_connector.clients.lead_store import GrpcLeadStore
from crm_connector.domain.batch_size import BatchSize
from crm_connector.domain.errors import StoreUnavailableError
from crm_connector.hubspot.client import Transport
from crm_connector.hubspot.paths import Paths
from crm_connector.hubspot.provider import HubSpot, HubSpotApp
from crm_connector.metrics import Metrics
from crm_connector.mongo import indexes
from crm_connector.mongo.client import connect
from crm_connector.mongo.cursors import MongoCursors
from crm_connector.mongo.integrations import MongoIntegrations
from crm_connector.mongo.planned import MongoPlannedRecords
from crm_connector.mongo.runs import MongoRuns
from crm_connector.mongo.subscriptions import MongoSubscriptions
from crm_connector.rpc.integration_service import IntegrationServicer
from crm_connector.rpc.server import Server
from crm_connector.settings import Settings
from crm_connector.usecases.background import repeat
from crm_connector.usecases.connections import Connections
from crm_connector.usecases.doctor import Doctor
from crm_connector.usecases.integrations import Integrations
from crm_connector.usecases.loop import Busy, WorkLoop
from crm_connector.usecases.planner import Planner
from crm_connector.usecases.runner import Runner
from crm_connector.usecases.runs import Runs
from crm_connector.usecases.sweep import Sweep
from crm_connector.usecases.targets import Targets
from crm_connector.usecases.upkeep import Upkeep
from crm_connector.usecases.webhooks import Webhooks
from crm_connector.usecases.work import Job
from crm_connector.vault import AesVault

# Runs worked at once; the others get their turn page by page.
_RUNNERS = 2
_log = structlog.get_logger()


class Service:
    """The running service: `start`, then wait for `stop` to be set, then `close`."""

    def __init__(self, settings: Settings, stop: threading.Event) -> None:
        """Build everything; nothing runs yet. OSError if the address is taken."""
        self._stop = stop
        self._settings = settings
        self._metrics = Metrics()
        self._threads: list[threading.Thread] = []
        with ExitStack() as stack:
            client = connect(settings.mongo_url)
            stack.callback(client.close)
            self._db = client[settings.database]
            transport = Transport(settings.hubspot_base_url, settings.hubspot_timeout_seconds, self._metrics.call)
            stack.callback(transport.close)
            channel = open_channel(settings.lead_store_url)
            stack.callback(channel.close)
            self._store = GrpcLeadStore(channel, worker_id=str(uuid.uuid4()))
            paths, app = Paths(settings.hubspot_api_version), _app(settings)
            self._build(HubSpot(transport, paths, settings.platform, app, stop), transport.calls_of_thread)
            self._closing = stack.pop_all()

    def _build(self, hubspot: HubSpot, calls: Callable[[], int]) -> None:
        """Wire the use cases to their edges."""
        settings, store, stop = self._settings, self._store, self._stop
        repository, cursors, runs = MongoIntegrations(self._db), MongoCursors(self._db), MongoRuns(self._db)
        vault, targets, busy, size = AesVault(settings.secret_keys), Targets(store), Busy(), BatchSize()
        connections = Connections(repository, vault, {"hubspot": hubspot})
        webhooks = Webhooks(repository, MongoSubscriptions(self._db), connections, targets, settings.api_url)
        integrations = Integrations(
            repository, cursors, runs, vault, connections, targets, webhooks, new_id=_new_id, now=now
        )
        job = Job(store, connections.crm, self._metrics.work, size)
        unhurried = Job(store, connections.background, self._metrics.work)
        self._metrics.watch(connections.health)
        self._loop = WorkLoop(store, job.run, stop, busy, size)
        self._sweep = Sweep(repository, cursors, connections.background, unhurried, now, stop)
        self._upkeep = Upkeep(repository, integrations, targets)
        planned = MongoPlannedRecords(self._db)
        planner = Planner(store, connections.background, planned, calls, now)
        self._runner = Runner(
            *(runs, repository, store, connections.background, unhurried, planner, targets, busy),
            calls=calls,
            now=now,
            stop=stop,
        )
        doctor = Doctor(repository, connections, webhooks, settings.api_url, settings.hubspot_base_url)
        of_runs = Runs(runs, planned, repository, store, _new_id, now)
        servicer = IntegrationServicer(integrations, webhooks, of_runs, doctor, now)
        self.server = Server(servicer, settings.host, settings.port)

    def start(self) -> None:
        """Answer health checks, wait for MongoDB, then serve and work."""
        self.server.start()
        while not self._stop.is_set():
            try:
                indexes.ensure(self._db)
                break
            except StoreUnavailableError as error:
                _log.warning("waiting_for_mongodb", reason=error.reason)
                self._stop.wait(1.0)
        if self._settings.metrics_port:
            self._metrics.serve(self._settings.host, self._settings.metrics_port, self._closing)
        self.server.serve()
        self._threads = [
            _thread("work", self._loop.run),
            _thread("sweep", lambda: self._sweep.run(self._settings.sweep_seconds)),
            _thread("upkeep", lambda: repeat(self._upkeep.turn, "upkeep", self._stop)),
            *(_thread("run", lambda: repeat(self._runner.turn, "run", self._stop)) for _ in range(_RUNNERS)),
        ]
        _log.info("serving", host=self._settings.host, port=self.server.port)

    def close(self) -> None:
        """Stop working, let what is in flight end, and close everything: within about five seconds."""
        deadline = time.monotonic() + 4.5
        self._stop.set()
        self._store.interrupt()
        self.server.stop()
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._runner.give_up()
        self._store.leave()
        self._closing.close()
        _log.info("stopped")


def now() -> datetime:
    """Give the time, in the milliseconds that MongoDB keeps."""
    at = datetime.now(UTC)
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def _new_id() -> str:
    return str(uuid6.uuid7())


def _app(settings: Settings) -> HubSpotApp:
    return HubSpotApp(settings.hubspot_client_id, settings.hubspot_client_secret, settings.hubspot_developer_key)


def _thread(name: str, run: Callable[[], None]) -> threading.Thread:
    """Start a daemon thread: a call that hangs must not keep the process from ending."""
    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    return thread
