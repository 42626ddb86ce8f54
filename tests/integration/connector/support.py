"""What the tests of this folder stand on: child processes, a double of lead-store, and ready-made parts."""

import os
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import httpx
import uuid6
from crm_connector.bootstrap import now
from crm_connector.clients.channel import open_channel
from crm_connector.clients.lead_store import GrpcLeadStore
from crm_connector.domain.changes import NewIntegration
from crm_connector.domain.integration import Credential, CredentialKind, Direction, Integration
from crm_connector.domain.observation import Lease, LeaseBatch
from crm_connector.hubspot.client import Transport
from crm_connector.hubspot.defaults import DEFAULT_MAPPING
from crm_connector.hubspot.paths import Paths
from crm_connector.hubspot.provider import HubSpot, HubSpotApp, HubSpotCrm
from crm_connector.mongo.cursors import MongoCursors
from crm_connector.mongo.integrations import MongoIntegrations
from crm_connector.mongo.planned import MongoPlannedRecords
from crm_connector.mongo.runs import MongoRuns
from crm_connector.mongo.subscriptions import MongoSubscriptions
from crm_connector.usecases.connections import Connections, StaticToken
from crm_connector.usecases.integrations import Integrations
from crm_connector.usecases.loop import Busy
from crm_connector.usecases.planner import Planner
from crm_connector.usecases.runner import Runner
from crm_connector.usecases.runs import Runs
from crm_connector.usecases.targets import Targets
from crm_connector.usecases.webhooks import Webhooks
from crm_connector.usecases.work import Job
from crm_connector.vault import AesVault
from google.protobuf import any_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status
from hubspot_simulator.client import ControlClient
from lead_store import bootstrap
from lead_store.settings import Settings
from lead_store_calls import LeadStore
from leadsync.sync.v1 import sync_pb2, sync_service_pb2, sync_service_pb2_grpc
from pymongo.database import Database

TOKEN, APP_ID, PORTAL_ID = "pat-na1-simulator", "39522895", "48975575"
DEVELOPER_KEY, REFRESH_TOKEN = "simulator-developer-key", "na1-simulator-refresh-token"
CLIENT_ID, CLIENT_SECRET = "simulator-client-id", "simulator-secret"
BATCH_READ = "POST /crm/v3/objects/contacts/batch/read"
BATCH_UPDATE = "POST /crm/v3/objects/contacts/batch/update"
BATCH_UPSERT = "POST /crm/v3/objects/contacts/batch/upsert"
SINGLE_GET = "GET /crm/v3/objects/contacts/{contactId}"
SEARCH = "POST /crm/v3/objects/contacts/search"


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Callable[[], bool], timeout: float = 15.0) -> None:
    """Wait for a condition; fails when it does not come true in time."""
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, "the condition did not come true in time"
        time.sleep(0.02)


def listens(port: int) -> bool:
    """Whether somebody listens on a port."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def child(command: Sequence[str], port: int, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a child process that listens on a port, and end it afterwards."""
    with subprocess.Popen(
        command, env=os.environ | environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            wait_until(lambda: listens(port) or process.poll() is not None, 30)
            assert process.poll() is None, f"{command[0]} ended with {process.poll()}"
            yield process
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


@contextmanager
def embedded_mongo(folder: Path) -> Iterator[str]:
    """Run SecantusDB."""
    port = free_port()
    program = str(Path(sys.executable).with_name("secantusd-py"))
    command = [program, "--port", str(port), "--storage-path", str(folder), "--sync-on-commit"]
    with child(command, port):
        yield f"mongodb://127.0.0.1:{port}/?directConnection=true"


@dataclass(frozen=True)
class Simulator:
    """A HubSpot to talk to."""

    url: str
    control: ControlClient

    def call_count(self, route: str) -> int:
        """How often an endpoint was called since the last reset."""
        return self.control.calls().get(route, 0)


@contextmanager
def simulator() -> Iterator[Simulator]:
    """Run the HubSpot simulator."""
    port = free_port()
    with child([sys.executable, "-m", "hubspot_simulator"], port, SIMULATOR_PORT=str(port)):
        url = f"http://127.0.0.1:{port}"
        with ControlClient(url) as control:
            yield Simulator(url, control)


Decide = Callable[[sync_pb2.Observation], sync_pb2.Decision]


def unchanged(seen: sync_pb2.Observation) -> sync_pb2.Decision:
    """Decide that nothing is to be done."""
    return sync_pb2.Decision(work_item_id=seen.work_item_id, outcome=sync_pb2.OUTCOME_UNCHANGED)


# Whatever a test does not need is answered UNIMPLEMENTED, also what the contract gains later.
_Servicer: Any = sync_service_pb2_grpc.SyncServiceServicer


@dataclass
class StoreDouble(_Servicer):  # type: ignore[misc]
    """Stands for lead-store: hands out what a test puts into `queue`, decides by `decide`, and keeps all it is told."""

    decide: Decide = unchanged
    queue: list[sync_service_pb2.LeaseWorkResponse] = field(default_factory=list)
    page: Callable[[sync_service_pb2.LeaseWorkRequest], sync_service_pb2.LeaseWorkResponse] | None = None
    lease_requests: list[sync_service_pb2.LeaseWorkRequest] = field(default_factory=list)
    observations: list[sync_pb2.Observation] = field(default_factory=list)
    results: list[sync_pb2.WriteResult] = field(default_factory=list)
    releases: list[sync_service_pb2.Release] = field(default_factory=list)
    targets: dict[str, sync_pb2.Target] = field(default_factory=dict)
    applied: list[str] = field(default_factory=list)
    queued: int = 0
    removed: list[str] = field(default_factory=list)
    unavailable: int = 0
    away_reason: str = "store_unavailable"
    refused: int = 0
    contended: int = 0
    lease_ms: int = 60_000
    pending: int = 0
    run_requests: list[sync_service_pb2.RequestSyncRequest] = field(default_factory=list)
    plans: list[sync_service_pb2.PlanRecordsRequest] = field(default_factory=list)
    dropped_runs: list[str] = field(default_factory=list)
    when_asked: Callable[[], object] = lambda: None
    held: int = 0
    most_held: int = 0

    def __post_init__(self) -> None:
        self.changed = threading.Condition()

    def offer(self, response: sync_service_pb2.LeaseWorkResponse) -> None:
        """Make work due."""
        with self.changed:
            self.queue.append(response)
            self.changed.notify_all()

    def PutTarget(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Keep a target."""
        self._fail(context)
        self.targets[request.target.integration_id] = request.target
        self.applied.append(request.run_id)
        return sync_service_pb2.PutTargetResponse(queued=self.queued)

    def RemoveTarget(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Drop a target."""
        self._fail(context)
        self.targets.pop(request.integration_id, None)
        self.removed.append(request.integration_id)
        return sync_service_pb2.RemoveTargetResponse()

    def LeaseWork(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Hand out what is in the queue, or answer a page."""
        if request.records and self.page is not None:
            self._fail(context)
            return self.page(request)
        with self.changed:
            self.lease_requests.append(request)
            self.held += 1
            self.most_held = max(self.most_held, self.held)
            self.changed.wait_for(
                lambda: self._next(request) is not None or not context.is_active(), request.wait_seconds
            )
            self.held -= 1
            found = self._next(request)
            if found is None:
                return sync_service_pb2.LeaseWorkResponse(lease_ms=self.lease_ms)
            self.queue.remove(found)
            return found

    def Reconcile(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Decide as the test says."""
        self.observations.extend(request.observations)
        self._refuse(context)
        return sync_service_pb2.ReconcileResponse(decisions=[self.decide(seen) for seen in request.observations])

    def SettleWrites(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Keep results."""
        self._fail(context)
        self.results.extend(request.results)
        return sync_service_pb2.SettleWritesResponse(
            settlements=[sync_service_pb2.Settlement(settled=self._settles()) for _ in request.results]
        )

    def ReleaseWork(self, request: Any, _context: Any) -> Any:  # noqa: N802
        """Keep releases."""
        self.releases.extend(request.releases)
        return sync_service_pb2.ReleaseWorkResponse()

    def PlanRecords(self, request: Any, _context: Any) -> Any:  # noqa: N802
        """Plan that every record becomes a lead."""
        self.plans.append(request)
        created = sync_pb2.OUTCOME_CREATED
        decisions = [
            sync_pb2.Decision(work_item_id=f"work-{one.record_id}", outcome=created) for one in request.records
        ]
        return sync_service_pb2.PlanRecordsResponse(decisions=decisions)

    def ListWork(self, _request: Any, _context: Any) -> Any:  # noqa: N802
        """Nothing is due."""
        return sync_service_pb2.ListWorkResponse()

    def RequestSync(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Keep what a run hands over, and count it as pending."""
        self._fail(context)
        self.when_asked()
        self.run_requests.append(request)
        self.pending += len(request.lead_ids)
        return sync_service_pb2.RequestSyncResponse(queued=len(request.lead_ids))

    def GetRunWork(self, _request: Any, context: Any) -> Any:  # noqa: N802
        """Tell what is pending."""
        self._fail(context)
        return sync_service_pb2.GetRunWorkResponse(pending=self.pending)

    def DropRunWork(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Drop what is pending."""
        self._fail(context)
        self.dropped_runs.append(request.run_id)
        dropped, self.pending = self.pending, 0
        return sync_service_pb2.DropRunWorkResponse(dropped=dropped)

    def state_of(self, work_item_id: str) -> str:
        """Kind of the last observation of a work item."""
        return str([seen for seen in self.observations if seen.work_item_id == work_item_id][-1].WhichOneof("state"))

    def result_of(self, work_item_id: str) -> sync_pb2.WriteResult:
        """The result of a work item's write."""
        return next(result for result in self.results if result.work_item_id == work_item_id)

    def _next(self, request: Any) -> sync_service_pb2.LeaseWorkResponse | None:
        busy = set(request.busy_integration_ids)
        return next((response for response in self.queue if response.integration_id not in busy), None)

    def _settles(self) -> bool:
        self.contended -= 1
        return self.contended < 0

    def _refuse(self, context: Any) -> None:
        if self.refused:
            self.refused -= 1
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "no")

    def _fail(self, context: Any) -> None:
        if self.unavailable:
            self.unavailable -= 1
            info = any_pb2.Any()
            info.Pack(error_details_pb2.ErrorInfo(reason=self.away_reason, domain="leadsync"))
            status = status_pb2.Status(code=code_pb2.UNAVAILABLE, message="not now", details=[info])
            context.abort_with_status(rpc_status.to_status(status))


@contextmanager
def served(double: StoreDouble, port: int = 0) -> Iterator[str]:
    """Serve the double on a real socket."""
    server = grpc.server(ThreadPoolExecutor(8))
    sync_service_pb2_grpc.add_SyncServiceServicer_to_server(double, server)
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    try:
        yield f"127.0.0.1:{bound}"
    finally:
        with double.changed:
            double.changed.notify_all()
        server.stop(0.2).wait()


@contextmanager
def lead_store(target: str) -> Iterator[GrpcLeadStore]:
    """Open our client of a lead-store."""
    with open_channel(target) as channel:
        yield GrpcLeadStore(channel, "worker-1")


@contextmanager
def hubspot(
    base_url: str, timeout: float = 10.0, *, developer_key: str = DEVELOPER_KEY, version: str = "v3"
) -> Iterator[HubSpot]:
    """Build the provider against some address."""
    transport = Transport(base_url, timeout)
    app = HubSpotApp(CLIENT_ID, CLIENT_SECRET, developer_key)
    try:
        yield HubSpot(transport, Paths(version), "jazzaam", app, threading.Event())
    finally:
        transport.close()


def an_integration(**changes: Any) -> Integration:
    """Make an integration of the simulator's account."""
    values: dict[str, Any] = {
        "integration_id": "int-1",
        "tenant_id": "tenant-1",
        "provider": "hubspot",
        "account_id": PORTAL_ID,
        "app_id": APP_ID,
        "credential_kind": CredentialKind.ACCESS_TOKEN,
        "direction": Direction.BIDIRECTIONAL,
        "mapping": DEFAULT_MAPPING,
        "created_at": now(),
    }
    return Integration(**(values | changes))


def a_crm(provider: HubSpot, token: str = TOKEN) -> HubSpotCrm:
    """Connect to the simulator's account."""
    return provider.connect(an_integration(), StaticToken(token))


def a_batch(*leases: Lease, seconds: float = 60.0) -> LeaseBatch:
    """Lease these from now on."""
    return LeaseBatch("int-1", time.monotonic(), seconds, leases)


def record_leases(ids: Sequence[str], **more: Any) -> list[Lease]:
    """One lease per record; the work item is named after it."""
    return [Lease(f"work-{record_id}", 1, record_id=record_id, **more) for record_id in ids]


def update(seen: sync_pb2.Observation, **values: str) -> sync_pb2.Decision:
    """Decide that a record has to take these values."""
    record_id = seen.present.record_id
    write = sync_pb2.Write(
        write_id=f"write-{seen.work_item_id}",
        kind=sync_pb2.WRITE_KIND_UPDATE,
        record_id=record_id,
        lead_id=f"lead-{record_id}",
        values=values,
    )
    return sync_pb2.Decision(work_item_id=seen.work_item_id, outcome=sync_pb2.OUTCOME_PUSHED, write=write)


def create(seen: sync_pb2.Observation, lead_id: str, **values: str) -> sync_pb2.Decision:
    """Decide that a record has to be made."""
    write = sync_pb2.Write(
        write_id=f"write-{seen.work_item_id}", kind=sync_pb2.WRITE_KIND_CREATE, lead_id=lead_id, values=values
    )
    return sync_pb2.Decision(work_item_id=seen.work_item_id, outcome=sync_pb2.OUTCOME_PUSHED, write=write)


@dataclass(frozen=True)
class Parts:
    """The use cases on real storage, the simulator and the double."""

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


def parts(db: Database[dict[str, Any]], provider: HubSpot, store: GrpcLeadStore) -> Parts:
    """Wire the use cases as the bootstrap does."""
    repository, cursors, subscriptions = MongoIntegrations(db), MongoCursors(db), MongoSubscriptions(db)
    vault, targets = AesVault(("test-key" * 4,)), Targets(store)
    connections = Connections(repository, vault, {"hubspot": provider})
    webhooks = Webhooks(repository, subscriptions, connections, targets, "https://leads.example.com")
    stored_runs = MongoRuns(db)
    integrations = Integrations(
        *(repository, cursors, stored_runs, vault, connections, targets, webhooks),
        new_id=lambda: str(uuid6.uuid7()),
        now=now,
    )
    planned = MongoPlannedRecords(db)
    runs = Runs(stored_runs, planned, repository, store, lambda: str(uuid6.uuid7()), now)
    made = (repository, cursors, subscriptions, vault, connections, targets, webhooks, integrations)
    return Parts(*made, stored_runs, planned, runs)


def a_runner(parts: Parts, store: GrpcLeadStore, calls: Callable[[], int] = lambda: 0) -> Runner:
    """Wire a runner as the bootstrap does."""
    crm = parts.connections.crm
    job, stop = Job(store, crm), threading.Event()
    planner = Planner(store, crm, parts.planned, calls, now)
    stored = (parts.stored_runs, parts.repository)
    return Runner(*stored, store, crm, job, planner, parts.targets, Busy(), calls=calls, now=now, stop=stop)


@contextmanager
def real_lead_store(mongo_url: str) -> Iterator[tuple[LeadStore, str]]:
    """Run a lead-store with a database of its own: for looking inside, and its address."""
    settings = Settings(mongo_url=mongo_url, identity_key=b"k" * 32, database=f"test_{uuid.uuid4().hex[:12]}", port=0)
    with bootstrap.run(settings, threading.Event()) as port, grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        inside = LeadStore(channel, mongo_url, settings.database)
        yield inside, f"127.0.0.1:{port}"
        inside.drop()


def wish(**changes: Any) -> NewIntegration:
    """Wish to connect the simulator's account by its token."""
    values: dict[str, Any] = {
        "tenant_id": "tenant-1",
        "provider": "hubspot",
        "credential": Credential(CredentialKind.ACCESS_TOKEN, TOKEN),
        "direction": Direction.BIDIRECTIONAL,
    }
    return NewIntegration(**(values | changes))


def http(base_url: str) -> httpx.Client:
    """Open a client of the simulator's API, as its private app."""
    return httpx.Client(base_url=base_url, headers={"Authorization": f"Bearer {TOKEN}"}, trust_env=False)


def soon() -> float:
    """A monotonic deadline that is far enough."""
    return time.monotonic() + 20.0
