"""Is the process alive, can it record, and how does it do."""

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import Response

from webhook_gateway.http.calling import Call
from webhook_gateway.http.problems import Problem


async def livez(call: Call) -> dict[str, bool]:  # noqa: ARG001
    """Say that the process answers."""
    return {"live": True}


async def readyz(call: Call) -> dict[str, bool]:
    """Say whether lead-store can take deliveries."""
    if not await call.services.store_health.serving():
        raise Problem(503, "store_unavailable", "lead-store is not serving, so nothing can be kept")
    return {"ready": True}


async def metrics(call: Call) -> Response:
    """Get the metrics, for Prometheus."""
    return Response(call.services.metrics.text(), headers={"content-type": CONTENT_TYPE_LATEST})
