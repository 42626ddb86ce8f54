"""The product, in this process: a lead-store process and connector processes over one database and one CRM."""

import threading
from datetime import timedelta
from typing import Any

from crm_connector.clients.lead_store import GrpcLeadStore
from crm_connector.crm import ProviderContext
from crm_connector.domain.integration import (
    BlankRule,
    Credential,
    CredentialKind,
    DeletePolicy,
    Deletions,
    Direction,
    FieldRule,
    Integration,
    MergeRule,
)
from crm_connector.domain.timing import Timing
from crm_connector.mongo.cursors import MongoCursors
from crm_connector.mongo.integrations import MongoIntegrations
from crm_connector.providers.hubspot.provider import HubSpot
from crm_connector.providers.hubspot.settings import HubSpotSettings
from crm_connector.usecases.connections import Connections
from crm_connector.usecases.sweep import Sweep
from crm_connector.usecases.targets import Targets
from crm_connector.usecases.work import Job
from crm_connector.vault import AesVault
from lead_store.bootstrap import Services, build
from lead_store.mongo.store import Store
from lead_store.settings import Settings
from lead_store.settings import Timing as StoreTiming
from leadsync.inbox.v1 import inbox_service_pb2_grpc
from leadsync.lead.v1 import lead_service_pb2_grpc
from leadsync.sync.v1 import sync_service_pb2_grpc
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
SETTINGS = Settings(
    mongo_url="",
    identity_key=b"k" * 32,
    database="machine_lead_store",
    platform=PLATFORM,
    timing=StoreTiming(lease=LEASE),
)
OWN_DATABASE = "machine_connector"
_VAULT = AesVault(("machine" * 5,))


class LeadStoreProcess:
    """One lead-store process."""

    def __init__(self, client: MongoClient[dict[str, Any]], faults: Faults, number: int, server: Server) -> None:
        self.process = Process(f"lead-store {number}")
        edge = Edge(Site.STORE, self.process, faults)
        store = Store.of(Client(client, edge), SETTINGS.database, SETTINGS.identity_key)  # type: ignore[arg-type]
        self.services: Services = build(store, SETTINGS, threading.Event(), lambda: edge.now().timestamp())
        self.server = server
        lead_service_pb2_grpc.add_LeadServiceServicer_to_server(self.services.leads, server)  # type: ignore[arg-type]
        inbox_service_pb2_grpc.add_InboxServiceServicer_to_server(self.services.inbox, server)  # type: ignore[arg-type]
        sync_service_pb2_grpc.add_SyncServiceServicer_to_server(self.services.sync, server)  # type: ignore[arg-type]


class Connector:
    """One connector process."""

    def __init__(self, suite: "Suite", number: int) -> None:
        self.process = Process(f"worker-{number}")
        clock, faults, timing = suite.clock, suite.faults, Timing()
        stop = Waits(clock)
        channel: Any = Channel(lambda: suite.lead_store.server, self.process, faults)
        self.store = GrpcLeadStore(channel, self.process.name, clock.monotonic, stop)
        context = ProviderContext(PLATFORM, stop, monotonic=clock.monotonic)
        settings = HubSpotSettings(BASE_URL, timeout_seconds=TIMEOUT)
        provider = HubSpot(settings, context, HubWire(suite.hub, self.process, faults))
        own: Any = Client(suite.client, Edge(Site.OWN, self.process, faults))[OWN_DATABASE]
        self.repository, cursors = MongoIntegrations(own), MongoCursors(own)
        self.connections = Connections(self.repository, _VAULT, {"hubspot": provider})
        self.targets = Targets(self.store)
        self.job = Job(self.store, self.connections.crm, timing)
        crm = self.connections.crm
        self.swept = Sweep(self.repository, cursors, crm, self.job, clock.now, stop, timing, monotonic=clock.monotonic)

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
        self.sync = sync_service_pb2_grpc.SyncServiceStub(channel)
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
        rules = tuple(FieldRule(name, MergeRule(given.rule), BlankRule(given.blank)) for name in PROPERTIES)
        integration = Integration(
            integration_id=tenant.integration_id,
            tenant_id=tenant.name,
            provider="hubspot",
            account_id=str(tenant.portal_id),
            app_id=APP_ID,
            credential_kind=CredentialKind.ACCESS_TOKEN,
            direction=Direction(given.direction),
            mapping=PROPERTIES,
            created_at=self.clock.now(),
            rules=rules,
            deletions=Deletions(DeletePolicy(given.deletions), cap_number=given.cap),
            webhooks_enabled=True,
        )
        credential = Credential(CredentialKind.ACCESS_TOKEN, tenant.token)
        worker.repository.add(integration, _VAULT.seal(tenant.integration_id, credential))
        worker.connections.crm(tenant.integration_id).prepare(integration.field_mapping, integration.written_fields)
        assert worker.targets.publish(integration) is not None
