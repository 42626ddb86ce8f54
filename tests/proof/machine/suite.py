"""The product, in this process: a lead-store process and connector processes over one database and one CRM."""

import os
import threading
from datetime import timedelta
from typing import Any

from crm_connector.clients.lead_store import GrpcLeadStore
from crm_connector.clients.policy import policy_of
from crm_connector.crm import ProviderContext
from crm_connector.domain.integration import Credential, Integration
from crm_connector.domain.timing import Timing as ConnectorTiming
from crm_connector.mongo.cursors import MongoCursors
from crm_connector.mongo.integrations import MongoIntegrations
from crm_connector.mongo.loops import MongoLoops
from crm_connector.providers.hubspot.provider import HubSpot
from crm_connector.providers.hubspot.settings import HubSpotSettings
from crm_connector.usecases.connections import Connections
from crm_connector.usecases.loops import Loops
from crm_connector.usecases.sweep import Sweep
from crm_connector.usecases.targets import Targets
from crm_connector.usecases.work import Job
from crm_connector.vault import AesVault
from lead_store.bootstrap import Services, build
from lead_store.mongo.store import Store
from lead_store.settings import Settings, Timing
from leadsync.inbox.v1 import inbox_service_pb2_grpc
from leadsync.lead.v1 import lead_pb2, lead_service_pb2_grpc
from leadsync.sync.v1 import conflict_service_pb2_grpc, policy_pb2, work_service_pb2_grpc
from proof.machine.clock import Clock, Waits
from proof.machine.config import PROPERTIES, TENANTS, Config, Tenant
from proof.machine.faults import Died, Faults, Process, Site
from proof.machine.hub import Hub
from proof.machine.hubwire import BASE_URL, TIMEOUT, HubWire
from proof.machine.storage import Client, Edge
from proof.machine.wire import Channel, Server
from pymongo import MongoClient

PLATFORM = "jazzaam"
APP_ID = "39522895"
LEASE = timedelta(seconds=60)
# Each worker of pytest-xdist has databases of its own on a server that it shares with others.
PREFIX = f"machine_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
SETTINGS = Settings(
    mongo_url="",
    identity_key=b"k" * 32,
    database=f"{PREFIX}_lead_store",
    platform=PLATFORM,
    timing=Timing(lease=LEASE, beside_changes=timedelta()),
)
OWN_DATABASE = f"{PREFIX}_connector"
_VAULT = AesVault(("machine" * 5,))


class LeadStoreProcess:
    """One lead-store process."""

    def __init__(self, client: MongoClient[dict[str, Any]], faults: Faults, number: int, server: Server) -> None:
        self.process = Process(f"lead-store {number}")
        edge = Edge(Site.STORE, self.process, faults)
        store = Store.of(Client(client, edge), SETTINGS.database, SETTINGS.identity_key)  # type: ignore[arg-type]
        self.services: Services = build(store, SETTINGS, threading.Event(), lambda: edge.now().timestamp())
        self.server = server
        self.services.served.add_to(server)  # type: ignore[arg-type]


class Connector:
    """One connector process."""

    def __init__(self, suite: "Suite", number: int) -> None:
        self.process = Process(f"worker-{number}")
        clock, faults, timing = suite.clock, suite.faults, ConnectorTiming()
        stop = Waits(clock)
        channel: Any = Channel(lambda: suite.lead_store.server, self.process, faults)
        self.store = GrpcLeadStore(channel, self.process.name, clock.monotonic, stop)
        context = ProviderContext(PLATFORM, stop, monotonic=clock.monotonic)
        settings = HubSpotSettings(BASE_URL, timeout_seconds=TIMEOUT)
        provider = HubSpot(settings, context, HubWire(suite.hub, self.process, faults))
        own: Any = Client(suite.client, Edge(Site.OWN, self.process, faults))[OWN_DATABASE]
        self.repository, cursors = MongoIntegrations(own), MongoCursors(own)
        providers = {"hubspot": provider}
        # No schedule of the proof is about these, so no fault meets them.
        loops = Loops(MongoLoops(suite.client[OWN_DATABASE]), self.repository, clock.now, clock.monotonic)
        self.connections = Connections(self.repository, _VAULT, providers, loops)
        self.targets = Targets(self.store, providers)
        self.job = Job(self.store, self.connections.crm, timing)
        crm = self.connections.crm
        parts = (self.repository, cursors, crm, self.job, clock.now, stop, timing, loops)
        self.swept = Sweep(*parts, monotonic=clock.monotonic)

    def work(self) -> int:
        """Lease once and work it off; answers how many work items that was."""
        batch = self.store.lease(0, [])
        if batch.leases:
            self.job.run(batch)
        return len(batch.leases)

    def sweep(self) -> None:
        """Sweep both accounts."""
        self.swept.turn()


class Suite:
    """All processes, and what they stand on."""

    def __init__(self, client: MongoClient[dict[str, Any]], config: Config) -> None:
        self.client, self.config, self.clock = client, config, Clock()
        self.faults = Faults(self.clock)
        self.hub = Hub(self.clock, config)
        self._started = 0
        self._restart()
        self.workers: list[Connector] = [self.start()]
        calm = Faults(self.clock)
        channel: Any = Channel(lambda: self.lead_store.server, Process("people"), calm)
        self.leads = lead_service_pb2_grpc.LeadServiceStub(channel)
        self.inbox = inbox_service_pb2_grpc.InboxServiceStub(channel)
        self.work = work_service_pb2_grpc.WorkServiceStub(channel)
        self.conflicts = conflict_service_pb2_grpc.ConflictServiceStub(channel)
        looking = Client(client, Edge(Site.STORE, Process("audit"), calm))
        self.look = Store.of(looking, SETTINGS.database, SETTINGS.identity_key)  # type: ignore[arg-type]
        for tenant in TENANTS:
            self._connect(tenant)

    def start(self) -> Connector:
        """Start a connector process."""
        self._started += 1
        return Connector(self, self._started)

    def route(self) -> None:
        """Let the router have its turn."""
        self.lead_store.services.router.route()

    def lead_store_died(self, gone: Died) -> None:
        """Put another lead-store in the place of one that has gone."""
        if gone.process is not self.lead_store.process:
            raise gone
        self._restart()

    def _restart(self) -> None:
        self._started += 1
        self.lead_store = LeadStoreProcess(self.client, self.faults, self._started, Server(self.lead_store_died))

    def _connect(self, tenant: Tenant) -> None:
        """Connect a tenant's account, as creating its integration does."""
        worker, given = self.workers[0], self.config
        rule = policy_pb2.MergeRule.Value(f"MERGE_RULE_{given.rule.upper()}")
        blank = policy_pb2.BlankRule.Value(f"BLANK_RULE_{given.blank.upper()}")
        deleted = policy_pb2.DeletePolicy.Value(f"DELETE_POLICY_{given.deletions.upper()}")
        policy = policy_pb2.SyncPolicy(
            direction=lead_pb2.Direction.Value(f"DIRECTION_{given.direction.upper()}"),
            fields=[policy_pb2.FieldRule(field=name, rule=rule, blank=blank) for name in PROPERTIES],
            deletions=policy_pb2.Deletions(policy=deleted, cap_number=given.cap),
        )
        credential = Credential.access_token(tenant.token)
        integration = Integration(
            integration_id=tenant.integration_id,
            tenant_id=tenant.name,
            provider="hubspot",
            account_id=str(tenant.portal_id),
            app_id=APP_ID,
            credential_kind=credential.kind,
            policy=policy_of(policy),
            mapping=PROPERTIES,
            created_at=self.clock.now(),
            webhooks_enabled=True,
        )
        worker.repository.add(integration, _VAULT.seal(tenant.integration_id, credential))
        worker.connections.crm(tenant.integration_id).prepare(integration.field_mapping, integration.written_fields)
        assert worker.targets.publish(integration) is not None
