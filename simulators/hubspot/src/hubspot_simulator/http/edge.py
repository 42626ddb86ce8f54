"""The steps of every API call: fault, token, scopes, rate limit, the endpoint itself, and the log."""

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import parse_qsl
from uuid import uuid4

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from hubspot_simulator.core.calls import CallEntry
from hubspot_simulator.core.errors import ApiError, missing_scopes, unauthenticated, validation
from hubspot_simulator.core.faults import Fault
from hubspot_simulator.core.simulator import Simulator
from hubspot_simulator.http.cutting import cut
from hubspot_simulator.http.replies import Call, Endpoint, Reply, json_response

log = logging.getLogger(__name__)
_LONGEST_URL = 8_000  # a guess: what the servers in front of most APIs take
# A body of the wrong shape raises one of these somewhere inside; HubSpot's own parser answers 400 too.
_MISSHAPEN = (TypeError, ValueError, AttributeError, KeyError)
Auth = Literal["token", "developer", "none"]


@dataclass(frozen=True, slots=True)
class ApiRoute:
    """One HubSpot endpoint. `path` is its v3 (or oldest) spelling, which the call log uses too."""

    method: str
    path: str
    endpoint: Endpoint
    scopes: tuple[str, ...] = ()
    auth: Auth = "token"
    search: bool = False
    any_scope: bool = False


class Edge:
    """Runs one route for one request."""

    def __init__(self, simulator: Simulator, route: ApiRoute, plain_status: bool = False) -> None:
        self._simulator = simulator
        self._route = route
        self._plain_status = plain_status
        """The 2026-09 spec documents only 200 where older versions answer 207."""

    async def __call__(self, request: Request) -> Response:
        """Answer, or abort the connection if a fault says so."""
        started = time.perf_counter()
        if len(str(request.url)) > _LONGEST_URL:
            self._log(Call(request, self._simulator), 414, started)
            return Response("<html><body><h1>414 Request-URI Too Large</h1></body></html>", 414, media_type="text/html")
        raw = await request.body()
        canonical = self._canonical(request)
        fault = self._simulator.faults.take(request.method, (request.url.path, canonical))
        if fault is not None and fault.delay_seconds:
            await asyncio.sleep(fault.delay_seconds)
        call = Call(request, self._simulator)
        if fault is not None and fault.drop_before:
            self._log(call, None, started)
            return await cut(request)
        correlation_id = str(uuid4())
        call, status, body, headers = self._answer(call, raw, fault, correlation_id)
        self._simulator.on_call()
        if fault is not None and fault.answer_delay_seconds:
            await asyncio.sleep(fault.answer_delay_seconds)
        if fault is not None and fault.drop_after:
            self._log(call, None, started)
            return await cut(request)
        self._log(call, status, started)
        if fault is not None and fault.text is not None:
            return Response(fault.text, status, {"Content-Type": "text/html"} | fault.headers)
        replace = fault.replace if fault is not None else {}
        return json_response(status, body, {"X-HubSpot-Correlation-Id": correlation_id} | headers, replace)

    def _answer(
        self, call: Call, raw: bytes, fault: Fault | None, correlation_id: str
    ) -> tuple[Call, int, object, dict[str, str]]:
        headers: dict[str, str] = {}
        self._simulator.background()
        try:
            if fault is not None and fault.status is not None:
                return call, fault.status, _fault_body(fault, correlation_id), fault.headers
            call = self._authenticated(call)
            if call.token is not None and self._route.auth == "token":
                token = call.token
                headers = self._simulator.limiter.admit(token.value, token.app_id, token.portal_id, self._route.search)
            call = Call(call.request, self._simulator, self._parsed(call.request, raw), call.token, call.app)
            reply = self._route.endpoint(call)
        except ApiError as error:
            return call, error.status, error.body(correlation_id), headers
        except _MISSHAPEN as error:
            log.warning("%s %s: taken for a misshapen body", self._route.method, self._route.path, exc_info=True)
            refusal = validation(f"Invalid input JSON: cannot deserialize the body ({error})")
            return call, refusal.status, refusal.body(correlation_id), headers
        return call, self._status(reply), reply.body, headers | dict(reply.headers)

    def _status(self, reply: Reply) -> int:
        return 200 if self._plain_status and reply.status == 207 else reply.status

    def _authenticated(self, call: Call) -> Call:
        simulator, request = self._simulator, call.request
        if self._route.auth == "none":
            return call
        if self._route.auth == "developer":
            return self._developer(call)
        token = simulator.tokens.authenticate(request.headers.get("authorization"))
        owned = [scope for scope in self._route.scopes if scope in token.scopes]
        enough = bool(owned) if self._route.any_scope else len(owned) == len(self._route.scopes)
        if self._route.scopes and not enough:
            raise missing_scopes(self._route.scopes)
        return Call(request, simulator, token=token)

    def _developer(self, call: Call) -> Call:
        """A developer API key, or a bearer token of the app: the specs disagree, so both are accepted."""
        simulator, request = self._simulator, call.request
        app_id = str(request.path_params["appId"])
        app = simulator.app(int(app_id) if app_id.isdecimal() else -1)
        key = request.query_params.get("hapikey")
        if key is not None:
            if key != app.developer_key:
                raise unauthenticated()
            return Call(request, simulator, app=app)
        token = simulator.tokens.authenticate(request.headers.get("authorization"))
        if token.app_id != app.id:
            raise missing_scopes(("developers-write",))
        return Call(request, simulator, token=token, app=app)

    def _parsed(self, request: Request, raw: bytes) -> Mapping[str, Any]:
        if not raw:
            return {}
        if self._route.path.startswith("/oauth") and _is_form(request):
            return dict(parse_qsl(raw.decode()))
        if self._route.search and len(raw) > 3_000:
            raise validation("The request body is too long: at most 3000 characters")
        try:
            body = msgspec.json.decode(raw)
        except ValueError as error:
            raise validation("Invalid input JSON on line 1, column 1: the body is not JSON") from error
        if not isinstance(body, dict):
            raise validation("Invalid input JSON on line 1, column 1: an object is expected")
        return body

    def _canonical(self, request: Request) -> str:
        path = self._route.path
        for name, value in request.path_params.items():
            path = path.replace("{" + name + "}", str(value))
        return path

    def _log(self, call: Call, status: int | None, started: float) -> None:
        inputs, asked = call.body.get("inputs"), call.request.query_params
        self._simulator.calls.note(
            CallEntry(
                at_ms=self._simulator.clock.now_ms(),
                method=self._route.method,
                path=call.request.url.path,
                route=self._route.path,
                status=status,
                app_id=call.token.app_id if call.token else (call.app.id if call.app else None),
                portal_id=call.token.portal_id if call.token else None,
                duration_ms=round((time.perf_counter() - started) * 1000, 3),
                inputs=len(inputs) if isinstance(inputs, list) else None,
                history=bool(call.body.get("propertiesWithHistory") or asked.get("propertiesWithHistory")),
            )
        )


def _is_form(request: Request) -> bool:
    return request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")


def _fault_body(fault: Fault, correlation_id: str) -> object:
    if fault.body is not None:
        return fault.body
    return ApiError(fault.status or 500, None, "internal error").body(correlation_id)
