"""Is the process alive, can it record, and how does it do."""

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import Response

from webhook_gateway.http.calling import Call, answer
from webhook_gateway.http.problems import Problem


async def livez(_call: Call) -> Response:
    """GET /livez: the process answers."""
    return answer({"live": True})


async def readyz(call: Call) -> Response:
    """GET /readyz: lead-store says that it can take deliveries."""
    if not await call.services.store_health.serving():
        raise Problem(503, "store_unavailable", "lead-store is not serving, so nothing can be kept")
    return answer({"ready": True})


async def metrics(call: Call) -> Response:
    """GET /metrics, for Prometheus."""
    return Response(call.services.metrics.text(), headers={"content-type": CONTENT_TYPE_LATEST})
