"""The console as an ASGI application, mounted at `/ui`."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from urllib.parse import urlsplit

import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from webhook_gateway.console import headers
from webhook_gateway.console.cookies import Cookies
from webhook_gateway.console.files import answer_file
from webhook_gateway.console.oidc import OpenIdProvider
from webhook_gateway.console.operations import Operations
from webhook_gateway.console.origin import check_origin
from webhook_gateway.console.rendering import render, render_bare
from webhook_gateway.console.routes import ConsoleRoute, routes_of
from webhook_gateway.console.session import ATTEMPT_SECONDS, Session, Sessions
from webhook_gateway.console.visit import Visit, address
from webhook_gateway.http.auth import ANONYMOUS
from webhook_gateway.http.problems import problem_of
from webhook_gateway.http.tries import FailedTries
from webhook_gateway.logs import ThinnedLines
from webhook_gateway.problem import Problem
from webhook_gateway.senders import sender_of

Spend = Callable[[str, str, int], Awaitable[bool]]
MOST_REPORT = 16 * 1024


class Site:
    """Everything below `/ui`: who is not signed in sees the sign-in page, and nothing else."""

    def __init__(
        self,
        pages: Iterable[object],
        operations: Operations,
        sessions: Sessions,
        spend: Spend,
        tries: FailedTries,
        lines: ThinnedLines,
        *,
        api_url: str,
        titles: Mapping[str, str],
        provider: OpenIdProvider | None = None,
    ) -> None:
        """`spend` notes that a code of a tenant was used, until a time; False = it was used before."""
        self._operations = operations
        self._sessions = sessions
        self._spend = spend
        self._tries = tries
        self._lines = lines
        self._titles = titles
        self._provider = provider
        self._origin = "{0.scheme}://{0.netloc}".format(urlsplit(api_url))
        self._cookies = Cookies(secure=api_url.startswith("https://"))
        self.routes: Sequence[Route] = [
            _named("/", _to_console, "GET"),
            _named("/ui/files/{hash}/{name:path}", answer_file, "GET"),
            _named("/ui/csp", self._report, "POST"),
            _named("/ui/login", self._login, "GET", "POST"),
            _named("/ui/logout", self._logout, "POST"),
            *([_named("/ui/oidc/start", self._to_provider, "GET")] if provider else []),
            *([_named("/ui/oidc/callback", self._from_provider, "GET")] if provider else []),
            *(self._route(page, route) for page in pages for route in routes_of(type(page))),
            _named("/ui/{rest:path}", self._not_found, "GET", "POST"),
        ]

    async def _not_found(self, request: Request) -> Response:
        return await self._answer(None, ConsoleRoute(request.method, "", _nothing), request)

    def _route(self, page: object, route: ConsoleRoute) -> Route:
        async def endpoint(request: Request) -> Response:
            return await self._answer(page, route, request)

        return _named(f"/ui{route.path}".removesuffix("/"), endpoint, route.method)

    async def _answer(self, page: object, route: ConsoleRoute, request: Request) -> Response:
        session = self._sessions.read(self._cookies.session(request))
        if session is None:
            return self._sign_in(request)
        query = {name: value for name, value in request.query_params.items() if value}
        visit = Visit(request, session, self._operations, headers.new_nonce(), query, self._titles)
        try:
            check_origin(request, self._origin)
            response = await route.function(page, visit)
        except Exception as error:  # noqa: BLE001 - as for the API, every error is answered
            problem = problem_of(error, request.scope, route.path, self._lines)
            response = render(visit, "problem.html", {"problem": problem, "title": "Not done"}, problem.status)
            response.headers.update(problem.headers)
        if renewed := self._sessions.renewed(session):
            self._cookies.set_session(response, self._sessions.cookie(renewed))
        return response

    def _sign_in(self, request: Request) -> Response:
        """Say how to sign in; parts of pages are asked for by scripts, which reload the page then."""
        problem = {"problem": None, "code": "", "title": "Sign in", "oidc": self._provider is not None}
        nonce = headers.new_nonce()
        response = render_bare("login.html", nonce, self._cookies.theme(request), problem, 401)
        response.headers["hx-refresh"] = "true"
        return response

    async def _login(self, request: Request) -> Response:
        """Take a one-time link. The page sends its code by itself, so that no preview of a link uses it up."""
        nonce, theme = headers.new_nonce(), self._cookies.theme(request)
        if request.method != "POST":
            code = request.query_params.get("code", "")
            values = {"problem": None, "code": code, "title": "Sign in", "oidc": self._provider is not None}
            return render_bare("login.html", nonce, theme, values)
        try:
            check_origin(request, self._origin)
            session = await self._signed_in(request)
        except Problem as problem:
            return self._not_signed_in(request, problem)
        response = RedirectResponse("/ui", 303)
        self._cookies.set_session(response, self._sessions.cookie(session))
        return response

    async def _signed_in(self, request: Request) -> Session:
        visit = Visit(request, Session(ANONYMOUS, "", 0, 0), self._operations, "")
        try:
            code = self._sessions.code((await visit.form()).get("code", ""))
        except Problem:
            await self._tries.failed(sender_of(request.client))
            raise
        if not await self._spend(code.caller.tenant, code.code_id, code.expires_at):
            raise Problem(401, "link_used", "the link was used before: make another one with `leadsync console`")
        structlog.get_logger().info("console_sign_in", subject=code.caller.subject, tenant_id=code.caller.tenant)
        return self._sessions.begin(code.caller)

    async def _to_provider(self, request: Request) -> Response:
        """Send somebody to the OpenID provider."""
        if self._provider is None:
            raise Problem(404, "page_not_found", "there is no such page")
        try:
            there, attempt = await self._provider.begin()
        except Problem as problem:
            return self._not_signed_in(request, problem)
        response = RedirectResponse(there, 303)
        self._cookies.set_attempt(response, self._sessions.attempt_cookie(attempt), ATTEMPT_SECONDS)
        return response

    async def _from_provider(self, request: Request) -> Response:
        """Take who comes back. The cookie shows that this browser was sent there."""
        attempt, query = self._sessions.attempt(self._cookies.attempt(request)), request.query_params
        try:
            if self._provider is None or attempt is None:
                raise _no_attempt()
            caller = await self._provider.end(attempt, query.get("state", ""), query.get("code", ""))
        except Problem as problem:
            response = self._not_signed_in(request, problem)
        else:
            structlog.get_logger().info("console_sign_in", subject=caller.subject, tenant_id=caller.tenant, by="oidc")
            response = RedirectResponse("/ui", 303)
            self._cookies.set_session(response, self._sessions.cookie(self._sessions.begin(caller)))
        self._cookies.set_attempt(response, "", -1)
        return response

    def _not_signed_in(self, request: Request, problem: Problem) -> Response:
        values = {"problem": problem, "code": "", "title": "Not signed in", "oidc": self._provider is not None}
        return render_bare("login.html", headers.new_nonce(), self._cookies.theme(request), values, problem.status)

    async def _logout(self, request: Request) -> Response:
        check_origin(request, self._origin)
        response = RedirectResponse(address("/ui/login"), 303)
        self._cookies.end_session(response)
        return response

    async def _report(self, request: Request) -> Response:
        """Take what a browser reports on a broken rule of a page; nobody needs to be signed in for it."""
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
            if size > MOST_REPORT:
                return Response(status_code=413, headers={"connection": "close"})
        self._lines.warning("console_policy_broken", bytes=size)
        return Response(status_code=204)


def _no_attempt() -> Problem:
    detail = "the sign-in took too long, or began in another browser: begin again"
    return Problem(401, "oidc_refused", detail)


async def _nothing(_page: object, _visit: Visit) -> Response:
    raise Problem(404, "page_not_found", "there is no such page")


async def _to_console(_request: Request) -> Response:
    return RedirectResponse("/ui", 307)


def _named(path: str, endpoint: Callable[[Request], Awaitable[Response]], *methods: str) -> Route:
    """Make a route that metrics know by its pattern."""

    async def answer(request: Request) -> Response:
        return await endpoint(request)

    setattr(answer, "path", path)  # noqa: B010 - functions have no such attribute for mypy
    return Route(path, answer, methods=methods)
