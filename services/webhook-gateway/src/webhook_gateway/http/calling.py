"""What every handler gets: the request, who is calling, and the services behind the door."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from webhook_gateway.clients.health import HealthClient
from webhook_gateway.clients.integrations import IntegrationClient
from webhook_gateway.clients.leads import LeadClient
from webhook_gateway.clients.sync import SyncClient
from webhook_gateway.http.auth import Caller, Tokens
from webhook_gateway.http.door import WebhookDoor
from webhook_gateway.http.problems import Fault, Problem, invalid
from webhook_gateway.metrics import Metrics
from webhook_gateway.model import PageQuery, Tagged

MAX_JSON = 1024 * 1024  # bytes of a request body
MAX_PAGE = 200
_MAX_KEY = 64


@dataclass(frozen=True, slots=True)
class Services:
    """All that handlers work with; built by bootstrap."""

    door: WebhookDoor
    leads: LeadClient
    integrations: IntegrationClient
    sync: SyncClient
    store_health: HealthClient
    tokens: Tokens
    metrics: Metrics


@dataclass(frozen=True, slots=True)
class Call:
    """One request of one caller."""

    request: Request
    caller: Caller
    services: Services

    def path(self, name: str) -> str:
        """Read a path parameter."""
        return str(self.request.path_params[name])

    async def json(self) -> object:
        """Read the body. Raises Problem 413 or 400 malformed_json."""
        body = bytearray()
        async for chunk in self.request.stream():
            body += chunk
            if len(body) > MAX_JSON:
                close = {"connection": "close"}
                raise Problem(413, "body_too_large", f"a body has at most {MAX_JSON} bytes", headers=close)
        try:
            return msgspec.json.decode(bytes(body))
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            raise Problem(400, "malformed_json", "the body is not JSON in UTF-8") from error

    def query(self, *names: str) -> dict[str, str]:
        """Read the query; absent parameters are empty. Raises Problem 400 for one that is not known or is repeated."""
        pairs = self.request.query_params.multi_items()
        given = dict(pairs)
        faults = [Fault(name, "is not a parameter of this request") for name in given if name not in names]
        if len(given) != len(pairs):
            faults.append(Fault("", "a parameter is given twice"))
        if faults:
            raise invalid(*faults)
        return {name: given.get(name, "") for name in names}

    def etag(self) -> str:
        """Read `If-Match`: the revision that must still hold; empty = any."""
        value = self.request.headers.get("if-match", "").strip()
        return "" if value == "*" else value.removeprefix("W/").strip('"')

    def request_id(self) -> str:
        """Read `Idempotency-Key`; empty if there is none. Raises Problem 400 if it is too long."""
        value = self.request.headers.get("idempotency-key", "").strip()
        if len(value) > _MAX_KEY:
            raise invalid(Fault("Idempotency-Key", f"has at most {_MAX_KEY} characters"))
        return value


Handler = Callable[[Call], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class RawHandler:
    """A handler that speaks ASGI itself, for the fast path; it raises Problem like any other."""

    run: Callable[[Services, Scope, Receive, Send], Awaitable[None]]


def page_query(query: dict[str, str]) -> PageQuery:
    """Read `pageSize` and `pageToken`. Raises Problem 400."""
    text = query["pageSize"]
    if text and not (text.isascii() and text.isdecimal()):
        raise invalid(Fault("pageSize", "is a whole number, 0 or more"))
    size = MAX_PAGE if len(text) > 9 else min(int(text or "0"), MAX_PAGE)
    return PageQuery(size, query["pageToken"])


def answer(content: object, status: int = 200) -> Response:
    """Make a JSON response."""
    return Response(msgspec.json.encode(content), status, {"cache-control": "no-store"}, "application/json")


def answer_tagged(tagged: Tagged[Any], content: object, status: int = 200) -> Response:
    """Make a JSON response that carries the revision as `ETag`."""
    response = answer(content, status)
    if tagged.etag:
        response.headers["etag"] = f'"{tagged.etag}"'
    return response
