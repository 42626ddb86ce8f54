"""The ASGI application: one endpoint per path of the table."""

import re
from collections.abc import Awaitable, Sequence
from functools import lru_cache

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from webhook_gateway.http.auth import ANONYMOUS, require_role
from webhook_gateway.http.calling import Call, RawHandler, Services
from webhook_gateway.http.middleware import Edge
from webhook_gateway.http.operation import Row, perform
from webhook_gateway.http.problems import Problem
from webhook_gateway.http.routes import ROUTES

_KNOWN_PATHS, _SHORT_PATH = 256, 256  # so many, of so few characters, are found without looking: webhook addresses too


class PathEndpoint:
    """Every operation of one path: picks it by method, checks the caller, runs the handler."""

    def __init__(self, path: str, rows: Sequence[Row], services: Services) -> None:
        self.path = path
        self._rows = {row.method: row for row in rows}
        if "GET" in self._rows:
            self._rows["HEAD"] = self._rows["GET"]
        self._services = services

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Answer a request. Raises Problem, or RemoteError from a service."""
        row = self._rows.get(scope["method"])
        if row is None:
            allow = {"allow": ", ".join(sorted(self._rows))}
            raise Problem(405, "method_not_allowed", "this path does not know this method", headers=allow)
        if isinstance(row.handler, RawHandler):
            return row.handler.run(self._services, scope, receive, send)
        return self._perform(row, scope, receive, send)

    async def _perform(self, row: Row, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        caller = ANONYMOUS
        if row.role is not None:
            caller = self._services.tokens.authenticate(request.headers.get("authorization"))
            require_role(caller, row.role)
        response = await perform(row, request, Call(caller, self._services))
        await response(scope, receive, send)


class Paths:
    """Finds the endpoint of a path: literal ones at once, patterns in the order of the table."""

    def __init__(self, endpoints: Sequence[PathEndpoint]) -> None:
        self._literal = {endpoint.path: endpoint for endpoint in endpoints if "{" not in endpoint.path}
        self._patterns = [(_pattern(endpoint.path), endpoint) for endpoint in endpoints if "{" in endpoint.path]
        self._find = lru_cache(_KNOWN_PATHS)(self._look_up)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Answer a request. Raises Problem 404 route_not_found, and what the endpoint raises."""
        path = scope["path"]
        endpoint, scope["path_params"] = self._find(path) if len(path) <= _SHORT_PATH else self._look_up(path)
        scope["endpoint"] = endpoint
        return endpoint(scope, receive, send)

    def _look_up(self, path: str) -> tuple[PathEndpoint, dict[str, str]]:
        if path in self._literal:
            return self._literal[path], {}
        for pattern, endpoint in self._patterns:
            if found := pattern.fullmatch(path):
                return endpoint, found.groupdict()
        raise Problem(404, "route_not_found", "there is nothing at this address")


def _pattern(path: str) -> re.Pattern[str]:
    parts = (f"(?P<{part[1:-1]}>[^/]+)" if part[:1] == "{" else re.escape(part) for part in path.split("/"))
    return re.compile("/".join(parts))


def build_app(services: Services) -> ASGIApp:
    """Make the application from the table of routes."""
    paths: dict[str, list[Row]] = {}
    for row in ROUTES:
        paths.setdefault(row.path, []).append(row)
    app = Paths([PathEndpoint(path, rows, services) for path, rows in paths.items()])
    return Edge(app, services.metrics)
