"""Whether lead-store can take deliveries now."""

import grpc
from grpc_health.v1 import health_pb2

from webhook_gateway.clients.calls import Client, Method
from webhook_gateway.clients.errors import RemoteError


class HealthClient(Client):
    """Asks a service's standard gRPC health."""

    seconds = 1.0

    def __init__(self, channel: grpc.aio.Channel) -> None:
        # The package's own stub has no types for an asynchronous channel.
        self._check: Method[health_pb2.HealthCheckRequest, health_pb2.HealthCheckResponse] = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )

    async def serving(self) -> bool:
        """Say whether the service is up and serving; never raises."""
        try:
            answer = await self.call(self._check, health_pb2.HealthCheckRequest())
        except RemoteError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
