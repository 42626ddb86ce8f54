"""One operation: a row of the table of routes. What it takes and answers is read from its handler's signature.

A handler is a function that takes `call`, or a method of one of the clients. It takes, by name: `tenant` and `actor` of
the caller, the parameters of its path, `query` and `body` (each a Struct), `etag` (`If-Match`) and `request_id`
(`Idempotency-Key`). It returns what is to be answered as JSON, Tagged if that has a revision, None for 204, or a
finished Response.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple, get_args, get_origin, get_type_hints

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from webhook_gateway.http.auth import Role
from webhook_gateway.http.calling import Call, Handler, RawHandler
from webhook_gateway.http.reading import read, read_etag, read_json, read_query, read_request_id
from webhook_gateway.http.statuses import Reasons
from webhook_gateway.model.basics import Tagged

HEADERS = {"etag": "If-Match", "request_id": "Idempotency-Key"}


class Shape(NamedTuple):
    """What a handler takes of a request, by name, and answers. `answer` is NoneType for 204."""

    takes: dict[str, Any]
    given: frozenset[str]  # what it takes of the caller
    answer: Any
    tagged: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One operation. `role` is the least role that may use it; None = public, without a token."""

    method: str
    path: str
    role: Role | None
    handler: Handler | RawHandler
    reasons: tuple[Reasons, ...] = ()  # of errors, beside those that follow from what it takes
    status: int = 200

    @property
    def function(self) -> Handler:
        """The function that answers."""
        return self.handler.run if isinstance(self.handler, RawHandler) else self.handler

    @property
    def operation(self) -> str:
        """Name of the operation, e.g. `create_lead`."""
        return self.function.__name__

    @property
    def shape(self) -> Shape:
        """What it takes and answers."""
        return _shape(self.handler)


@cache
def _shape(handler: Handler | RawHandler) -> Shape:
    if isinstance(handler, RawHandler):
        return Shape({"provider": str, "body": handler.body}, frozenset(), handler.answer, tagged=False)
    takes = get_type_hints(handler, include_extras=True)
    answer = takes.pop("return")
    tagged = get_origin(answer) is Tagged
    given = takes.keys() & {"call", "tenant", "actor"}
    takes = {name: kind for name, kind in takes.items() if name not in given}
    return Shape(takes, frozenset(given), get_args(answer)[0] if tagged else answer, tagged)


async def perform(row: Row, request: Request, call: Call) -> Response:
    """Run the handler of a request and make its response. Raises Problem, or RemoteError."""
    owner = row.function.__qualname__.rpartition(".")[0]
    bound = [call.services.client(owner)] if owner else []
    caller = {"call": call, "tenant": call.tenant, "actor": call.caller.subject}
    given = {name: caller[name] for name in row.shape.given}
    return _respond(row, request, await row.function(*bound, **given, **await _arguments(row, request)))


async def _arguments(row: Row, request: Request) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, kind in row.shape.takes.items():
        if name == "query":
            found[name] = read(read_query(request), kind, strict=False)
        elif name == "body":
            found[name] = read(await read_json(request), kind)
        elif name == "etag":
            found[name] = read_etag(request)
        elif name == "request_id":
            found[name] = read_request_id(request)
        else:
            found[name] = str(request.path_params[name])
    return found


def _respond(row: Row, request: Request, result: Any) -> Response:
    if isinstance(result, Response):
        return result
    if result is None:
        return Response(status_code=204)
    headers = {"cache-control": "no-store"}
    if isinstance(result, Tagged):
        result, etag = result
        if etag:
            headers["etag"] = f'"{etag}"'
    if row.status == 201:
        headers["location"] = f"{request.url.path}/{msgspec.to_builtins(result)['id']}"
    return Response(msgspec.json.encode(result), row.status, headers, "application/json")
