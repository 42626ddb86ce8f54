"""The use cases, wired as the bootstrap does, on real storage and some lead-store."""

import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import grpc
import uuid6
from crm_connector.bootstrap import now
from crm_connector.clients.lead_store import GrpcLeadStore
from crm_connector.crm import CrmProvider
from crm_connector.domain.integration import Integration
from crm_connector.domain.run import Run, RunKind, RunState
from crm_connector.domain.timing import Timing
from crm_connector.metrics import Metrics
from crm_connector.mongo.cursors import MongoCursors
from crm_connector.mongo.integrations import MongoIntegrations
from crm_connector.mongo.loops import MongoLoops
from crm_connector.mongo.planned import MongoPlannedRecords
from crm_connector.mongo.runs import MongoRuns
from crm_connector.mongo.subscriptions import MongoSubscriptions
from crm_connector.usecases.busy import Busy
from crm_connector.usecases.connections import Connections
from crm_connector.usecases.doctor import Doctor
from crm_connector.usecases.integrations import Integrations
from crm_connector.usecases.known_fields import KnownFields
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
from integration.connector.builders import TENANT, new_integration
from integration.connector.lead_store_double import SHORT
from lead_store import bootstrap
from lead_store.settings import Settings
from lead_store.settings import Timing as StoreTiming
from lead_store_calls import LeadStore
from pymongo.database import Database

TIMING = Timing()
PUBLIC = "https://leads.example.com"


@dataclass(frozen=True)
class Parts:
    """The use cases on real storage."""

    store: GrpcLeadStore
    metrics: Metrics
    repository: MongoIntegrations
    cursors: MongoCursors
    subscriptions: MongoSubscriptions
    vault: AesVault
    connections: Connections
    targets: Targets
    webhooks: Webhooks
    integrations: Integrations
    stored_runs: MongoRuns
    planned: MongoPlannedRecords
    runs: Runs
    of_accounts: Subscriptions
    streams: Streams
    swept_soon: list[str]
    loops: Loops
    stop: threading.Event

    def connect(self, **changes: Any) -> Integration:
        """Connect the account."""
        return self.integrations.create(new_integration(**changes))

    def start(self, made: Integration, kind: RunKind, *lead_ids: str, **more: Any) -> Run:
        """Start a run."""
        return self.runs.start(TENANT, made.integration_id, kind, more.pop("request_id", ""), lead_ids, **more)

    def run(self, run: Run) -> Run:
        """Read a run again."""
        return self.runs.get(TENANT, run.run_id)

    def job(self) -> Job:
        """Make a job."""
        return Job(self.store, self.connections.crm, TIMING)

    def work_off(self) -> None:
        """Do all work that is due now."""
        while (batch := self.store.lease(0, [])).leases:
            self.job().run(batch)

    def runner(self, timing: Timing = SHORT) -> Runner:
        """Make a runner."""
        crm, calls = self.connections.crm, self.metrics.calls_of_thread
        planner = Planner(self.store, crm, self.planned, calls, now)
        stored = (self.stored_runs, self.repository)
        return Runner(
            *(*stored, self.store, crm, self.job(), planner, self.targets, Busy(TIMING.batching)),
            timing=timing,
            calls=calls,
            now=now,
            stop=self.stop,
        )

    def ended(self, run: Run, runner: Runner | None = None, turns: int = 50) -> Run:
        """Turn a runner until the run has ended, so often at most."""
        runner = runner or self.runner()
        for _ in range(turns):
            runner.turn()
            if self.run(run).state is not RunState.RUNNING:
                break
        return self.run(run)

    def sweep(self, clock: Callable[[], datetime] = now, **more: Any) -> Sweep:
        """Make a sweep."""
        return Sweep(
            *(self.repository, self.cursors, self.connections.crm, self.job(), clock, self.stop, TIMING, self.loops),
            **more,
        )

    def upkeep(self) -> Upkeep:
        """Make an upkeep."""
        parts = (self.repository, self.integrations, self.targets, self.of_accounts, self.connections)
        return Upkeep(*parts, self.loops, SHORT)

    def doctor(self, api_url: str = PUBLIC, clock: Callable[[], datetime] = now) -> Doctor:
        """Make a doctor of integrations that are swept every five minutes."""
        return Doctor(
            *(self.repository, self.connections, self.webhooks, self.store, self.loops, clock),
            api_url=api_url,
            sweep_seconds=300.0,
        )


def wired(
    db: Database[dict[str, Any]],
    providers: Mapping[str, CrmProvider],
    store: GrpcLeadStore,
    metrics: Metrics | None = None,
    clock: Callable[[], datetime] = now,
    public: str = PUBLIC,
    keys: tuple[str, ...] = ("test-key" * 4,),
) -> Parts:
    """Wire the use cases, with a public address. `metrics` has to be what the providers count their calls with."""
    repository, cursors, subscriptions = MongoIntegrations(db), MongoCursors(db), MongoSubscriptions(db)
    vault, targets, stop = AesVault(keys), Targets(store, providers), threading.Event()
    loops, swept_soon = Loops(MongoLoops(db), repository, clock, noted_every=0.0), list[str]()
    connections = Connections(repository, vault, providers, loops)
    of_accounts = Subscriptions(cursors, connections.crm, loops, clock, TIMING.retries)
    patient = replace(SHORT, stream_silent=TIMING.stream_silent)  # a slow machine is no silent stream
    streams = Streams(
        *(repository, cursors, store, connections, swept_soon.append, loops), timing=patient, now=clock, stop=stop
    )
    webhooks = Webhooks(repository, subscriptions, connections, targets, of_accounts, streams, public)
    stored_runs, planned = MongoRuns(db, TIMING.run_lease), MongoPlannedRecords(db)
    integrations = Integrations(
        *(repository, cursors, stored_runs, vault, connections, targets, webhooks, store),
        known_fields=KnownFields(connections.low_priority),
        sweep_soon=swept_soon.append,
        new_id=_new_id,
        now=now,
    )
    return Parts(
        store=store,
        metrics=metrics or Metrics(),
        repository=repository,
        cursors=cursors,
        subscriptions=subscriptions,
        vault=vault,
        connections=connections,
        targets=targets,
        webhooks=webhooks,
        integrations=integrations,
        stored_runs=stored_runs,
        planned=planned,
        of_accounts=of_accounts,
        streams=streams,
        swept_soon=swept_soon,
        loops=loops,
        stop=stop,
        runs=Runs(stored_runs, planned, repository, store, _new_id, now),
    )


@contextmanager
def real_lead_store(mongo_url: str) -> Iterator[tuple[LeadStore, str]]:
    """Run a lead-store with a database of its own: for looking inside, and its address. Its leases outlast any test."""
    database = f"test_{uuid.uuid4().hex[:12]}"
    timing = StoreTiming(lease=timedelta(seconds=600), beside_changes=timedelta())  # no run waits for people
    settings = Settings(mongo_url=mongo_url, identity_key=b"k" * 32, database=database, port=0, timing=timing)
    with bootstrap.run(settings, threading.Event()) as port, grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        inside = LeadStore(channel, mongo_url, settings.database)
        yield inside, f"127.0.0.1:{port}"
        inside.drop()


def _new_id() -> str:
    return str(uuid6.uuid7())
