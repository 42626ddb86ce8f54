"""What happens around every request: errors become problems, answers are counted. Pure ASGI."""

import time
from collections.abc import Awaitable
from functools import cache

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from webhook_gateway.clients.errors import RemoteError
from webhook_gateway.http.problems import Problem, from_remote
from webhook_gateway.metrics import Metrics


class Edge:
    """Writes out what handlers raise, counts answers by route and status, and times them."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        # `labels` costs more than counting does; routes and statuses are few.
        self._requests = cache(metrics.requests.labels)
        self._seconds = cache(metrics.request_seconds.labels)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; an error after the answer has begun is raised further."""
        status = 0
        start = time.perf_counter()

        def watched(message: Message) -> Awaitable[None]:
            nonlocal status
            status = message.get("status", status)
            return send(message)

        try:
            await self._app(scope, receive, watched)
        except ClientDisconnect:
            return
        except Exception as error:  # the last line of defence: nothing inner may reach the caller
            if status:
                raise
            await _problem(error, scope).response()(scope, receive, watched)
        finally:
            route = _route(scope)
            self._requests(route, status or 500).inc()
            self._seconds(route).observe(time.perf_counter() - start)


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


def _route(scope: Scope) -> str:
    """Name the route by its pattern, so that ids do not become labels."""
    return str(getattr(scope.get("endpoint"), "path", "unknown"))
