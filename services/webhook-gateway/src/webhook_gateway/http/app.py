"""The ASGI application: one endpoint per path of the table, the webhook door in front of the router."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from webhook_gateway.http.auth import ANONYMOUS, require_role
from webhook_gateway.http.calling import Call, RawHandler, Services
from webhook_gateway.http.middleware import Observed, Problems
from webhook_gateway.http.problems import Problem
from webhook_gateway.http.routes import ROUTES, Row


class PathEndpoint:
    """Every operation of one path: picks it by method, checks the caller, runs the handler."""

    def __init__(self, path: str, rows: Sequence[Row], services: Services) -> None:
        self.path = path
        self._rows = {row.method: row for row in rows}
        if "GET" in self._rows:
            self._rows["HEAD"] = self._rows["GET"]
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request. Raises Problem, or RemoteError from a service."""
        row = self._rows.get(scope["method"])
        if row is None:
            allow = {"allow": ", ".join(sorted(self._rows))}
            raise Problem(405, "method_not_allowed", "this path does not know this method", headers=allow)
        if isinstance(row.handler, RawHandler):
            await row.handler.run(self._services, scope, receive, send)
            return
        request = Request(scope, receive)
        caller = ANONYMOUS
        if row.role is not None:
            caller = self._services.tokens.authenticate(request.headers.get("authorization"))
            require_role(caller, row.role)
        response = await row.handler(Call(request, caller, self._services))
        await response(scope, receive, send)


class FastPath:
    """Sends paths below a prefix straight to their endpoint, past the router's patterns."""

    def __init__(self, app: ASGIApp, prefix: str, parameter: str, endpoint: PathEndpoint) -> None:
        self._app = app
        self._prefix = prefix
        self._parameter = parameter
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        path: str = scope["path"]
        value = path.removeprefix(self._prefix)
        if value == path or not value or "/" in value:
            await self._app(scope, receive, send)
            return
        scope["endpoint"] = self._endpoint
        scope["path_params"] = {self._parameter: value}
        await self._endpoint(scope, receive, send)


async def _not_found(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise Problem(404, "route_not_found", "there is nothing at this address")


def build_app(services: Services) -> ASGIApp:
    """Make the application from the table of routes."""
    paths: dict[str, list[Row]] = {}
    for row in ROUTES:
        paths.setdefault(row.path, []).append(row)
    endpoints = {path: PathEndpoint(path, rows, services) for path, rows in paths.items()}
    routes = [Route(path, endpoint) for path, endpoint in endpoints.items()]
    app: ASGIApp = Router(routes, redirect_slashes=False, default=_not_found)
    for row in ROUTES:
        if isinstance(row.handler, RawHandler):
            prefix, _, parameter = row.path.partition("{")
            app = FastPath(app, prefix, parameter.removesuffix("}"), endpoints[row.path])
    return Observed(Problems(app), services.metrics)
