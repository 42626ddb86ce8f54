"""Whether the process is alive, whether it can keep webhooks, and its metrics."""

import grpc
from grpc_health.v1 import health_pb2
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import Response

from webhook_gateway.metrics import Metrics
from webhook_gateway.problem import Problem
from webhook_gateway.resources.operation import operation
from webhook_gateway.rpc.calls import Client, Method
from webhook_gateway.rpc.errors import ServiceProblem


class Health(Client):
    """The health of this process and, by its standard gRPC health, of lead-store."""

    seconds = 1.0

    def __init__(self, store: grpc.aio.Channel, metrics: Metrics) -> None:
        self._metrics = metrics
        # The package's own stub has no types for an asynchronous channel.
        self._check: Method[health_pb2.HealthCheckRequest, health_pb2.HealthCheckResponse] = store.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )

    @operation("GET", "/livez")
    async def livez(self) -> dict[str, bool]:
        """Say that the process answers."""
        return {"live": True}

    @operation("GET", "/readyz", {503: ("store_unavailable",)})
    async def readyz(self) -> dict[str, bool]:
        """Say whether lead-store can take deliveries."""
        if not await self._store_serves():
            raise Problem(503, "store_unavailable", "lead-store is not serving, so nothing can be kept")
        return {"ready": True}

    @operation("GET", "/metrics")
    async def metrics(self) -> Response:
        """Get the metrics, for Prometheus."""
        return Response(self._metrics.text(), headers={"content-type": CONTENT_TYPE_LATEST})

    async def _store_serves(self) -> bool:
        try:
            answer = await self.call(self._check, health_pb2.HealthCheckRequest())
        except ServiceProblem:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
