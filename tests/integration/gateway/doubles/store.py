"""A double of lead-store: a real gRPC server that keeps things in memory and can misbehave."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from integration.gateway.doubles.conflicts import FakeConflicts
from integration.gateway.doubles.inbox import FakeInbox
from integration.gateway.doubles.lead_fields import FakeLeadFields
from integration.gateway.doubles.leads import FakeLeads
from integration.gateway.doubles.matches import FakeMatches
from integration.gateway.doubles.work import FakeWork
from leadsync.inbox.v1 import inbox_service_pb2_grpc as inbox_grpc
from leadsync.lead.v1 import lead_field_service_pb2_grpc as lead_field_grpc
from leadsync.lead.v1 import lead_service_pb2_grpc as lead_grpc
from leadsync.sync.v1 import conflict_service_pb2_grpc as conflict_grpc
from leadsync.sync.v1 import match_service_pb2_grpc as match_grpc
from leadsync.sync.v1 import work_service_pb2_grpc as work_grpc


class Store:
    """A lead-store on a port of its own."""

    def __init__(self) -> None:
        self.inbox = FakeInbox()
        self.leads = FakeLeads()  # type: ignore[abstract]  # only what the gateway calls
        self.lead_fields = FakeLeadFields()
        self.conflicts = FakeConflicts()
        self.matches = FakeMatches()
        self.work = FakeWork()  # type: ignore[abstract]
        self.health = health.aio.HealthServicer()
        self.port = 0

    @asynccontextmanager
    async def serve(self, port: int = 0) -> AsyncIterator[None]:
        """Serve until the block ends; open calls are then cut."""
        server = grpc.aio.server(options=(("grpc.max_receive_message_length", 32 * 1024 * 1024),))
        inbox_grpc.add_InboxServiceServicer_to_server(self.inbox, server)
        lead_grpc.add_LeadServiceServicer_to_server(self.leads, server)
        lead_field_grpc.add_LeadFieldServiceServicer_to_server(self.lead_fields, server)
        conflict_grpc.add_ConflictServiceServicer_to_server(self.conflicts, server)
        match_grpc.add_MatchServiceServicer_to_server(self.matches, server)
        work_grpc.add_WorkServiceServicer_to_server(self.work, server)
        health_pb2_grpc.add_HealthServicer_to_server(self.health, server)
        await self.health.set("", health_pb2.HealthCheckResponse.SERVING)
        self.port = server.add_insecure_port(f"127.0.0.1:{port}")
        await server.start()
        try:
            yield
        finally:
            await server.stop(None)
