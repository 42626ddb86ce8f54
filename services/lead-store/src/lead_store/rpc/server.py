"""The gRPC server: workers, limits, health, reflection, graceful stop."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from leadsync.inbox.v1 import inbox_service_pb2, inbox_service_pb2_grpc
from leadsync.lead.v1 import lead_service_pb2, lead_service_pb2_grpc
from leadsync.sync.v1 import sync_service_pb2, sync_service_pb2_grpc

from lead_store.rpc.errors import ErrorInterceptor
from lead_store.rpc.health import HealthWatch
from lead_store.rpc.inbox_service import InboxService
from lead_store.rpc.lead_service import LeadService
from lead_store.rpc.sync_service import SyncService

WORKERS = 32
HELD_CALLS = 32  # LeaseWork calls, one per connector process, and watches; they come on top of the workers
LARGEST_MESSAGE = 16 * 1024 * 1024  # a delivery of 10 MiB, and what comes with it


@contextmanager
def serve(
    address: str, health: HealthWatch, leads: LeadService, inbox: InboxService, sync: SyncService, grace: float
) -> Iterator[int]:
    """Serve until the context ends; gives the port. Calls under way have `grace` seconds to end."""
    server = grpc.server(
        ThreadPoolExecutor(WORKERS + HELD_CALLS, thread_name_prefix="rpc"),
        interceptors=[ErrorInterceptor()],
        options=[("grpc.max_receive_message_length", LARGEST_MESSAGE), ("grpc.so_reuseport", 0)],
    )
    lead_service_pb2_grpc.add_LeadServiceServicer_to_server(leads, server)
    inbox_service_pb2_grpc.add_InboxServiceServicer_to_server(inbox, server)
    sync_service_pb2_grpc.add_SyncServiceServicer_to_server(sync, server)  # type: ignore[arg-type]
    health_pb2_grpc.add_HealthServicer_to_server(health.servicer, server)
    services = [lead_service_pb2, inbox_service_pb2, sync_service_pb2, health_pb2]
    names = [service.full_name for module in services for service in module.DESCRIPTOR.services_by_name.values()]
    reflection.enable_server_reflection([*names, reflection.SERVICE_NAME], server)
    port = server.add_insecure_port(address)
    server.start()
    try:
        yield port
    finally:
        server.stop(grace).wait()
