"""The ASGI application: the webhook endpoints, the routes of the API, and what happens around every request."""

import time
from collections.abc import Awaitable, Container, Iterable, Mapping, Sequence
from functools import cache

from starlette.requests import ClientDisconnect
from starlette.routing import Mount, Route, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from webhook_gateway.http.auth import Tokens
from webhook_gateway.http.endpoint import PathEndpoint
from webhook_gateway.http.problems import problem_of, response_of
from webhook_gateway.http.tries import FailedTries
from webhook_gateway.logs import ThinnedLines
from webhook_gateway.metrics import Metrics
from webhook_gateway.problem import Problem
from webhook_gateway.resources.operation import Operation, operations_of

API = "/api/v1"


class Application:
    """Answers every request. Errors become problems; answers are counted by route and status, and timed.

    `webhooks` are the endpoints of webhooks by their address. Their POSTs do not go through the routes, which takes
    longer than everything else here. A slash at the end of an address changes nothing but what is signed.

    What comes in by the port `door` has the routes `doors` in place of all `routes`.
    """

    def __init__(
        self,
        webhooks: Mapping[str, ASGIApp],
        routes: ASGIApp,
        metrics: Metrics,
        lines: ThinnedLines,
        *,
        door: int = 0,
        doors: ASGIApp | None = None,
    ) -> None:
        self._webhooks = webhooks
        self._routes = routes
        self._door, self._doors = door, doors or routes
        self._lines = lines
        # Finding a metric by its labels takes longer than counting; routes and statuses are few.
        self._requests = cache(metrics.requests.labels)
        self._seconds = cache(metrics.request_seconds.labels)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; an error after the answer has begun is raised further."""
        status = 0
        start = time.perf_counter()

        def watched(message: Message) -> Awaitable[None]:
            nonlocal status
            status = message.get("status", status)
            return send(message)

        scope["path"] = scope["path"].removesuffix("/") or "/"
        webhook = self._webhooks.get(scope["path"]) if scope["method"] == "POST" else None
        if webhook is not None:
            scope["endpoint"] = webhook
        try:
            await (webhook or self._routes_of(scope))(scope, receive, watched)
        except ClientDisconnect:
            return
        except Exception as error:
            if status:
                raise
            await response_of(problem_of(error, scope, _route(scope), self._lines))(scope, receive, watched)
        finally:
            route = _route(scope)
            self._requests(route, status or 500).inc()
            self._seconds(route).observe(time.perf_counter() - start)

    def _routes_of(self, scope: Scope) -> ASGIApp:
        """Choose by the port of the connection itself, which no header can change."""
        server = scope.get("server")
        return self._doors if self._door and server and server[1] == self._door else self._routes


def _route(scope: Scope) -> str:
    """Name a route by its pattern, so that ids do not become labels."""
    return str(getattr(scope.get("endpoint"), "path", "unknown"))


def build_routes(
    resources: Iterable[object],
    tokens: Tokens,
    tries: FailedTries,
    others: Sequence[Route] = (),
    only: Container[str] | None = None,
) -> Router:
    """Make the routes of all operations of these resources: one per path, literal paths first; then the `others`.

    `only` = the names of the operations that there are.
    """
    paths: dict[str, list[tuple[Operation, object]]] = {}
    for resource in resources:
        for operation in operations_of(type(resource)):
            if only is None or operation.name in only:
                paths.setdefault(operation.path, []).append((operation, resource))
    endpoints = [PathEndpoint(path, paths[path], tokens, tries) for path in sorted(paths, key=_literal_first)]
    under_api = [endpoint for endpoint in endpoints if endpoint.path.startswith(f"{API}/")]
    besides = [endpoint for endpoint in endpoints if endpoint not in under_api]
    api = _router([Route(endpoint.path.removeprefix(API), endpoint) for endpoint in under_api])
    return _router([*(Route(endpoint.path, endpoint) for endpoint in besides), Mount(API, api), *others])


def _literal_first(path: str) -> list[bool]:
    """Order paths so that of two which fit a request, the one that is literal up to a later part comes first."""
    return [part.startswith("{") for part in path.split("/")]


def _router(routes: list[Route | Mount]) -> Router:
    return Router(routes, redirect_slashes=False, default=_not_found)


async def _not_found(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise Problem(404, "route_not_found", "there is nothing at this address")
