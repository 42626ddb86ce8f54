"""Builds the whole service on one page; an ExitStack takes it down in reverse."""

import socket
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from datetime import UTC, datetime

import structlog
import uuid6

from crm_connector.clients.channel import open_channel
from crm_connector.clients.lead_store import GrpcLeadStore
from crm_connector.crm import CrmProvider, ProviderContext
from crm_connector.domain.batch_size import BatchSize
from crm_connector.domain.errors import StoreUnavailableError
from crm_connector.domain.loops import Loop
from crm_connector.metrics import Metrics
from crm_connector.mongo import indexes
from crm_connector.mongo.client import connect, described, mapped_errors, open_database
from crm_connector.mongo.cursors import MongoCursors
from crm_connector.mongo.data_version import NewerDataError, refuse_newer, upgrade
from crm_connector.mongo.integrations import MongoIntegrations
from crm_connector.mongo.loops import MongoLoops
from crm_connector.mongo.planned import MongoPlannedRecords
from crm_connector.mongo.runs import MongoRuns
from crm_connector.mongo.server_check import check_server, refusal
from crm_connector.mongo.subscriptions import MongoSubscriptions
from crm_connector.mongo.workers import MongoWorkers
from crm_connector.providers.registry import make_providers
from crm_connector.rpc.health import HealthWatch
from crm_connector.rpc.integration_service import IntegrationServicer
from crm_connector.rpc.server import Server
from crm_connector.settings import Settings
from crm_connector.threads import VitalThreads
from crm_connector.tls import Renewed
from crm_connector.usecases.background import repeat
from crm_connector.usecases.busy import Busy
from crm_connector.usecases.connections import Connections
from crm_connector.usecases.doctor import Doctor
from crm_connector.usecases.integrations import Integrations
from crm_connector.usecases.known_fields import KnownFields
from crm_connector.usecases.loop import WorkLoop
from crm_connector.usecases.loops import Loops
from crm_connector.usecases.planner import Planner
from crm_connector.usecases.runner import Runner
from crm_connector.usecases.runs import Runs
from crm_connector.usecases.streams import Streams
from crm_connector.usecases.subscriptions import Subscriptions
from crm_connector.usecases.sweep import Sweep
from crm_connector.usecases.targets import Targets
from crm_connector.usecases.upkeep import Upkeep
from crm_connector.usecases.webhooks import Webhooks
from crm_connector.usecases.work import Job
from crm_connector.vault import AesVault

# Threads that work runs; the runs have their turns page by page.
_RUNNERS = 2
# Loops of the whole process, beside those of integrations.
_TURNS = ("work", "upkeep", "streams", "run")
_log = structlog.get_logger()


class Service:
    """The running service: `start`, then wait for `stop` to be set, then `close`."""

    def __init__(self, settings: Settings, stop: threading.Event) -> None:
        """Build everything; nothing runs yet. OSError if the address is in use, TlsError if files cannot be used."""
        self._stop = stop
        self._settings = settings
        self._metrics = Metrics()
        self._vault = AesVault(settings.secret_keys)
        self._threads = VitalThreads(stop, plain=(NewerDataError,))
        self._tls = Renewed(settings.tls) if settings.tls else None
        with ExitStack() as stack:
            client = connect(settings.mongo_url, settings.tls.ca if settings.tls else None)
            stack.callback(client.close)
            self._client, self._db = client, open_database(client, settings.database)
            channel = open_channel(settings.lead_store_url, self._tls)
            stack.callback(channel.close)
            retries = settings.timing.retries
            self._store = GrpcLeadStore(channel, worker_id=str(uuid.uuid4()), retries=retries)
            context = ProviderContext(settings.platform, stop, self._called, retries)
            providers = make_providers(settings.providers, context)
            for provider in providers.values():
                stack.callback(provider.close)
            self._build(providers)
            self._closing = stack.pop_all()

    def _build(self, providers: Mapping[str, CrmProvider]) -> None:
        """Wire the use cases to their edges."""
        settings, store, stop, timing = self._settings, self._store, self._stop, self._settings.timing
        repository, cursors = MongoIntegrations(self._db), MongoCursors(self._db)
        runs, planned = MongoRuns(self._db, timing.run_lease), MongoPlannedRecords(self._db)
        vault, targets = self._vault, Targets(store, providers)
        busy, size = Busy(timing.batching), BatchSize()
        loops = self._loops = Loops(MongoLoops(self._db), repository, now)
        connections = Connections(repository, vault, providers, loops)
        live = Job(store, connections.crm, timing, self._metrics.work, size)
        low_priority = Job(store, connections.low_priority, timing, self._metrics.work)
        self._loop = WorkLoop(store, live.run, stop, timing, busy, size, loops=loops)
        self._sweep = Sweep(repository, cursors, connections.low_priority, low_priority, now, stop, timing, loops)
        self._streams = Streams(
            *(repository, cursors, store, connections, self._sweep.soon, loops), timing=timing, now=now, stop=stop
        )
        of_accounts = Subscriptions(cursors, connections.crm, loops, now, timing.retries)
        of_apps = MongoSubscriptions(self._db)
        webhooks = Webhooks(repository, of_apps, connections, targets, of_accounts, self._streams, settings.api_url)
        integrations = Integrations(
            *(repository, cursors, runs, vault, connections, targets, webhooks, store),
            known_fields=KnownFields(connections.low_priority),
            sweep_soon=self._sweep.soon,
            new_id=_new_id,
            now=now,
        )
        self._upkeep = Upkeep(repository, integrations, targets, of_accounts, connections, loops, timing)
        if self._tls:
            self._metrics.watch_certificate(self._tls)
        self._metrics.watch(connections.health, self._streams.disconnected)
        self._metrics.watch_loops(
            [*(loop.value for loop in Loop), *_TURNS], loops.failing_seconds, loops.unswept_seconds
        )
        calls = self._metrics.calls_of_thread
        planner = Planner(store, connections.low_priority, planned, calls, now)
        self._runner = Runner(
            *(runs, repository, store, connections.low_priority, low_priority, planner, targets, busy),
            timing=timing,
            calls=calls,
            now=now,
            stop=stop,
        )
        doctor = Doctor(
            *(repository, connections, webhooks, store, loops, now),
            api_url=settings.api_url,
            sweep_seconds=settings.sweep_seconds,
        )
        of_runs = Runs(runs, planned, repository, store, _new_id, now)
        servicer = IntegrationServicer(integrations, webhooks, of_runs, doctor, loops, now)
        self.server = Server(servicer, settings.host, settings.port, timing.start_calls, self._tls)

    def start(self) -> None:
        """Answer health checks, wait for MongoDB, then serve and work.

        Raises WrongServerError, NewerDataError or WrongKeyError.
        """
        self.server.start()
        while not self._stop.is_set():
            try:
                with mapped_errors():
                    check_server(self._client, self._settings.mongo_url)
                if not self._settings.accept_new_keys:
                    self._vault.check(MongoIntegrations(self._db).all_sealed())
                upgrade(self._db)
                indexes.ensure(self._db)
                break
            except StoreUnavailableError as error:
                if (wrong := refusal(error.__cause__, self._settings.database)) is not None:
                    raise wrong from None
                _log.warning("waiting_for_mongodb", reason=error.reason, **described(error.__cause__))
                self._stop.wait(self._settings.timing.retries.start)
        self._succeed()
        if self._settings.metrics_port:
            self._metrics.serve(self._settings.host, self._settings.metrics_port, self._closing)
        self.server.serve()
        start, sweep_seconds = self._threads.start, self._settings.sweep_seconds
        start("work", self._loop.run)
        start("sweep", lambda: self._sweep.run(sweep_seconds))
        start("streams", lambda: self._repeat(self._streams.turn, "streams"))
        start("upkeep", lambda: self._repeat(self._upkeep.turn, "upkeep"))
        for _ in range(_RUNNERS):
            start("run", lambda: self._repeat(self._runner.turn, "run"))
        health = HealthWatch(self.server, self._loops.turns.late, self._settings.timing.health)
        start("data_version", self._watch_data_version)
        start("health", lambda: self._repeat(health.turn, "health"))
        _log.info("serving", host=self._settings.host, port=self.server.port)

    def _succeed(self) -> None:
        """Give up what a process that was killed here had leased: since we have its address, it is gone."""
        address = f"{socket.gethostname()}:{self._settings.port}"
        try:
            if predecessor := MongoWorkers(self._db).take_over(address, self._store.worker_id):
                self._store.leave(predecessor)
        except StoreUnavailableError as error:  # then its leases end by themselves
            _log.warning("predecessor_not_known", reason=error.reason)

    def close(self) -> None:
        """Stop, let running calls end, and close everything: within about five seconds."""
        deadline = time.monotonic() + 4.5
        self._stop.set()
        self._store.interrupt()
        self._streams.close()
        self.server.stop()
        self._threads.join(lambda: max(0.0, deadline - time.monotonic()))
        self._runner.give_up()
        self._store.leave()
        self._closing.close()
        _log.info("stopped")

    def _watch_data_version(self) -> None:
        """Raise NewerDataError once a newer version has upgraded the data: what this one writes would be wrong."""
        while not self._stop.wait(self._settings.timing.health):
            with suppress(StoreUnavailableError):
                refuse_newer(self._db, running=True)

    @property
    def ended(self) -> str:
        """Why the service ends although nobody asked it to; empty if it does not."""
        return self._threads.ended

    @property
    def exit_code(self) -> int:
        """With which code it ends then: 2 if starting it again does not help."""
        return 0 if not self.ended else 2 if self._threads.for_good else 1

    def _called(self, method: str, status: int) -> None:
        """Note that a call to a CRM has ended: so the turn that it belongs to does not hang."""
        self._metrics.call(method, status)
        self._loops.turns.goes_on()

    def _repeat(self, turn: Callable[[], float], name: str) -> None:
        repeat(turn, name, self._stop, self._settings.timing.retries.loop, self._loops)


def now() -> datetime:
    """Give the time, in the milliseconds that MongoDB keeps."""
    at = datetime.now(UTC)
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def _new_id() -> str:
    return str(uuid6.uuid7())
