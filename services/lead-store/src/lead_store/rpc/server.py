"""The gRPC server: workers, limits, health, reflection, graceful stop."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from leadsync.console.v1 import sign_in_service_pb2, sign_in_service_pb2_grpc
from leadsync.inbox.v1 import inbox_service_pb2, inbox_service_pb2_grpc
from leadsync.lead.v1 import (
    lead_field_service_pb2,
    lead_field_service_pb2_grpc,
    lead_service_pb2,
    lead_service_pb2_grpc,
)
from leadsync.sync.v1 import (
    conflict_service_pb2,
    conflict_service_pb2_grpc,
    match_service_pb2,
    match_service_pb2_grpc,
    plan_service_pb2,
    plan_service_pb2_grpc,
    work_service_pb2,
    work_service_pb2_grpc,
)

from lead_store.mongo.free_space import FreeSpace
from lead_store.rpc.callers import CallerInterceptor
from lead_store.rpc.conflict_service import ConflictService
from lead_store.rpc.errors import ErrorInterceptor
from lead_store.rpc.health import HealthWatch
from lead_store.rpc.inbox_service import InboxService
from lead_store.rpc.lead_field_service import LeadFieldService
from lead_store.rpc.lead_service import LeadService
from lead_store.rpc.match_service import MatchService
from lead_store.rpc.plan_service import PlanService
from lead_store.rpc.room import RoomInterceptor
from lead_store.rpc.sign_in_service import SignInService
from lead_store.rpc.work_service import WorkService
from lead_store.tls import Identity, Renewed

WORKERS = 32
HELD_CALLS = 32  # LeaseWork calls, one per connector process, and watches; they come on top of the workers
LARGEST_MESSAGE = 16 * 1024 * 1024  # a delivery of 10 MiB, and what comes with it
CONTRACTS = (
    lead_service_pb2,
    lead_field_service_pb2,
    inbox_service_pb2,
    work_service_pb2,
    plan_service_pb2,
    conflict_service_pb2,
    match_service_pb2,
    sign_in_service_pb2,
    health_pb2,
)


@dataclass(frozen=True, slots=True)
class Served:
    """The services."""

    leads: LeadService
    lead_fields: LeadFieldService
    inbox: InboxService
    work: WorkService
    plan: PlanService
    conflicts: ConflictService
    matches: MatchService
    sign_ins: SignInService

    def add_to(self, server: grpc.Server) -> None:
        """Serve them."""
        lead_service_pb2_grpc.add_LeadServiceServicer_to_server(self.leads, server)
        lead_field_service_pb2_grpc.add_LeadFieldServiceServicer_to_server(self.lead_fields, server)
        inbox_service_pb2_grpc.add_InboxServiceServicer_to_server(self.inbox, server)
        work_service_pb2_grpc.add_WorkServiceServicer_to_server(self.work, server)
        plan_service_pb2_grpc.add_PlanServiceServicer_to_server(self.plan, server)
        conflict_service_pb2_grpc.add_ConflictServiceServicer_to_server(self.conflicts, server)
        match_service_pb2_grpc.add_MatchServiceServicer_to_server(self.matches, server)
        sign_in_service_pb2_grpc.add_SignInServiceServicer_to_server(self.sign_ins, server)


@contextmanager
def serve(
    address: str, health: HealthWatch, served: Served, space: FreeSpace, grace: float, tls: Renewed | None
) -> Iterator[int]:
    """Serve until the context ends; gives the port. Calls under way have `grace` seconds to end.

    With `tls` each side has to show a certificate, and each service may call only what is its own.
    """
    callers = [CallerInterceptor()] if tls else []
    server = grpc.server(
        ThreadPoolExecutor(WORKERS + HELD_CALLS, thread_name_prefix="rpc"),
        interceptors=[ErrorInterceptor(), *callers, RoomInterceptor(space)],
        options=[("grpc.max_receive_message_length", LARGEST_MESSAGE), ("grpc.so_reuseport", 0)],
    )
    served.add_to(server)
    health_pb2_grpc.add_HealthServicer_to_server(health.servicer, server)
    names = [service.full_name for module in CONTRACTS for service in module.DESCRIPTOR.services_by_name.values()]
    reflection.enable_server_reflection([*names, reflection.SERVICE_NAME], server)
    port = server.add_secure_port(address, credentials(tls)) if tls else server.add_insecure_port(address)
    server.start()
    try:
        yield port
    finally:
        server.stop(grace).wait()


def credentials(tls: Renewed) -> grpc.ServerCredentials:
    """What this service shows and whom it trusts; each new connection gets what counts then."""

    def configuration(identity: Identity) -> grpc.ServerCertificateConfiguration:
        return grpc.ssl_server_certificate_configuration([(identity.key, identity.certificate)], identity.ca)

    last = tls.identity()

    def renewed() -> grpc.ServerCertificateConfiguration | None:
        nonlocal last
        before, last = last, tls.identity()
        return configuration(last) if last is not before else None  # None = as before

    fetch: Any = renewed  # its stub does not know of None
    return grpc.dynamic_ssl_server_credentials(configuration(last), fetch, require_client_authentication=True)
