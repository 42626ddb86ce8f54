"""Whether the process is alive, whether it can keep webhooks, and its metrics.

Anybody may ask, as often as they like, so no answer costs much: see `readyz` and `metrics`.
"""

import asyncio
import time
from collections.abc import Callable

import grpc
from grpc_health.v1 import health_pb2
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import Response

from webhook_gateway.metrics import Metrics
from webhook_gateway.problem import Problem
from webhook_gateway.resources.operation import operation
from webhook_gateway.rpc.calls import Client, Method
from webhook_gateway.rpc.errors import ServiceProblem

METRICS_SECONDS = 0.25  # for which rendered metrics are good: rendering takes a millisecond or more


class Health(Client):
    """The health of this process and, by its standard gRPC health, of lead-store."""

    seconds = 1.0

    def __init__(self, store: grpc.aio.Channel, metrics: Metrics, clock: Callable[[], float] = time.monotonic) -> None:
        self._metrics = metrics
        self._clock = clock
        self._rendered, self._until = b"", clock()
        self._asking: asyncio.Task[bool] | None = None
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
        """Say whether lead-store can take deliveries. Those who ask at the same time share one call."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._store_serves())
        if not await asyncio.shield(self._asking):
            raise Problem(503, "store_unavailable", "lead-store is not serving, so nothing can be kept")
        return {"ready": True}

    @operation("GET", "/metrics")
    async def metrics(self) -> Response:
        """Get the metrics, for Prometheus."""
        if self._clock() >= self._until:
            self._rendered, self._until = self._metrics.text(), self._clock() + METRICS_SECONDS
        return Response(self._rendered, headers={"content-type": CONTENT_TYPE_LATEST})

    async def _store_serves(self) -> bool:
        try:
            answer = await self.call(self._check, health_pb2.HealthCheckRequest())
        except ServiceProblem:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
