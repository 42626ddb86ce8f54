import asyncio
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from webhook_gateway.metrics import Metrics
from webhook_gateway.resources.health import METRICS_SECONDS, Health

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """Run on asyncio."""
    return "asyncio"


class _Store(health_pb2_grpc.HealthServicer):
    """Counts who asks, and answers once it may."""

    def __init__(self) -> None:
        self.calls = 0
        self.gate = asyncio.Event()

    async def Check(self, request: Any, context: Any) -> health_pb2.HealthCheckResponse:  # noqa: N802  gRPC's name
        del request, context
        self.calls += 1
        await self.gate.wait()
        return health_pb2.HealthCheckResponse(status=health_pb2.HealthCheckResponse.SERVING)


async def test_many_who_ask_whether_it_is_ready_cost_one_call() -> None:
    """Those who ask while lead-store is being asked share its answer; whoever asks later has it asked again."""
    store, server = _Store(), grpc.aio.server()
    health_pb2_grpc.add_HealthServicer_to_server(store, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        health = Health(channel, Metrics())
        health.seconds = 20.0
        asking = [asyncio.create_task(health.readyz()) for _ in range(50)]
        gone = asyncio.create_task(health.readyz())
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.wait([gone])
        store.gate.set()
        assert await asyncio.gather(*asking) == [{"ready": True}] * 50
        assert store.calls == 1
        await health.readyz()
        assert store.calls == 2
    await server.stop(None)


async def test_metrics_are_rendered_now_and_then() -> None:
    """However often they are asked for, they are rendered some times a second at most."""
    now, metrics = 0.0, Metrics()
    async with grpc.aio.insecure_channel("127.0.0.1:1") as channel:
        health = Health(channel, metrics, lambda: now)
        first = (await health.metrics()).body
        metrics.not_kept.labels("intake_full").inc()
        assert (await health.metrics()).body is first
        now += METRICS_SECONDS
        assert b"intake_full" in bytes((await health.metrics()).body)
