"""What happens around every request: errors become problems, answers are counted. Pure ASGI."""

import time

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from webhook_gateway.clients.errors import RemoteError
from webhook_gateway.http.problems import Problem, from_remote
from webhook_gateway.metrics import Metrics


class Problems:
    """Writes out what handlers raise."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; an error after the answer has begun is raised further."""
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except ClientDisconnect:
            return
        except Exception as error:  # the last line of defence: nothing inner may reach the caller
            if started:
                raise
            await _problem(error, scope).response()(scope, receive, send)


def _problem(error: Exception, scope: Scope) -> Problem:
    if isinstance(error, Problem):
        return error
    log = structlog.get_logger().bind(method=scope["method"], route=_route(scope))
    if isinstance(error, RemoteError):
        problem = from_remote(error)
        if problem.status >= 500:
            log.warning("service failed", code=error.code.name, reason=error.reason)
        return problem
    log.error("request went wrong", exc_info=error)
    return Problem(500, "internal", "something went wrong inside")


class Observed:
    """Counts answers by route and status, and times them."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        status = 500
        start = time.perf_counter()

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            route = _route(scope)
            self._metrics.requests.labels(route, status).inc()
            self._metrics.request_seconds.labels(route).observe(time.perf_counter() - start)


def _route(scope: Scope) -> str:
    """Name the route by its pattern, so that ids do not become labels."""
    return str(getattr(scope.get("endpoint"), "path", "unknown"))
