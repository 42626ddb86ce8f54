"""lead-store's RPCs, as a gateway and a connector call them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import grpc
from leadsync.lead.v1 import lead_pb2, lead_service_pb2_grpc
from leadsync.sync.v1 import policy_pb2, sync_pb2, work_service_pb2, work_service_pb2_grpc
from leadsync_cli.suite.catalogue import SIMULATED_ACCOUNT

TENANT, INTEGRATION, WORKER = "default", "bench-integration", "bench-worker"
FIELDS = ("email", "first_name", "last_name", "phone", "company", "job_title", "website")


@dataclass(frozen=True, slots=True)
class StoreClient:
    """The stubs of one channel."""

    work: work_service_pb2_grpc.WorkServiceStub
    leads: lead_service_pb2_grpc.LeadServiceStub

    def put_target(self, integration_id: str = INTEGRATION, account_id: str = SIMULATED_ACCOUNT) -> None:
        """Make an account known, so that its deliveries are routed; by default the simulator's."""
        target = sync_pb2.Target(
            integration_id=integration_id,
            tenant_id=TENANT,
            provider="hubspot",
            account_id=account_id,
            policy=policy_pb2.SyncPolicy(direction=lead_pb2.DIRECTION_BIDIRECTIONAL),
            mapped_fields=FIELDS,
            mapping_fingerprint="bench",
            webhooks_enabled=True,
            revision=1,
            capabilities=sync_pb2.Capabilities(history=True, erasure_events=True, objects=["contact"]),
        )
        self.work.PutTarget(work_service_pb2.PutTargetRequest(target=target), timeout=10)

    def lease(self, wait_seconds: int = 1) -> list[sync_pb2.Lease]:
        """Lease up to a hundred due work items."""
        request = work_service_pb2.LeaseWorkRequest(worker_id=WORKER, wait_seconds=wait_seconds)
        return list(self.work.LeaseWork(request, timeout=30).leases)

    def reconcile(self, observations: list[sync_pb2.Observation]) -> list[sync_pb2.Decision]:
        """Have observations decided."""
        request = work_service_pb2.ReconcileRequest(worker_id=WORKER, observations=observations)
        return list(self.work.Reconcile(request, timeout=60).decisions)


@contextmanager
def store_client(address: str) -> Iterator[StoreClient]:
    """Open a channel to lead-store."""
    with grpc.insecure_channel(address) as channel:
        work = work_service_pb2_grpc.WorkServiceStub(channel)
        yield StoreClient(work, lead_service_pb2_grpc.LeadServiceStub(channel))
