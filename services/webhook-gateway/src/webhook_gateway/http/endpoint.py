"""One path of the API: picks the operation by method, checks the caller, runs it and makes the response."""

from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from webhook_gateway.http.auth import ANONYMOUS, Caller, Tokens, require_role
from webhook_gateway.http.requests import read, read_etag, read_json, read_query, read_request_id
from webhook_gateway.http.roles import role_of
from webhook_gateway.http.tries import FailedTries
from webhook_gateway.problem import Problem
from webhook_gateway.resources.basics import Tagged
from webhook_gateway.resources.lead_values import encode_hook
from webhook_gateway.resources.operation import Operation
from webhook_gateway.rpc.names import camel
from webhook_gateway.senders import sender_of


class PathEndpoint:
    """Answers all methods of one path."""

    def __init__(
        self, path: str, operations: Sequence[tuple[Operation, object]], tokens: Tokens, tries: FailedTries
    ) -> None:
        self.path = path
        self._operations = {
            operation.method: (operation, role_of(operation.name), resource) for operation, resource in operations
        }
        if "GET" in self._operations:
            self._operations["HEAD"] = self._operations["GET"]
        self._tokens = tokens
        self._tries = tries

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request. Raises Problem."""
        found = self._operations.get(scope["method"])
        if found is None:
            allow = {"allow": ", ".join(sorted(self._operations))}
            raise Problem(405, "method_not_allowed", "this path does not know this method", headers=allow)
        operation, role, resource = found
        request = Request(scope, receive)
        caller = ANONYMOUS
        if role is not None:
            caller = await self._authenticate(request)
            require_role(caller, role)
        arguments = _of_caller(operation, caller) | await _of_request(operation, request)
        result = await operation.function(resource, **arguments)
        await _response(operation, request, result)(scope, receive, send)

    async def _authenticate(self, request: Request) -> Caller:
        """Find out who is calling. Raises Problem 401, later and later, or 429."""
        header = request.headers.get("authorization")
        try:
            return self._tokens.authenticate(header)
        except Problem:
            if header:
                await self._tries.failed(sender_of(request.client))
            raise


def _of_caller(operation: Operation, caller: Caller) -> dict[str, Any]:
    known = {"tenant": caller.tenant, "actor": caller.subject}
    return {name: known[name] for name in operation.shape.of_caller}


async def _of_request(operation: Operation, request: Request) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, kind in operation.shape.takes.items():
        if name == "query":
            found[name] = read(read_query(request), kind, strict=False)
        elif name == "body":
            found[name] = read(await read_json(request), kind)
        elif name == "etag":
            found[name] = read_etag(request)
        elif name == "request_id":
            found[name] = read_request_id(request)
        else:
            found[name] = read(request.path_params[name], kind, camel(name))
    return found


def _response(operation: Operation, request: Request, result: Any) -> Response:
    if isinstance(result, Response):
        return result
    if result is None:
        return Response(status_code=204)
    headers = {"cache-control": "no-store"}
    if isinstance(result, Tagged):
        result, etag = result
        if etag:
            headers["etag"] = f'"{etag}"'
    body = msgspec.json.encode(result, enc_hook=encode_hook)
    if operation.status == 201:
        headers["location"] = f"{request.url.path}/{msgspec.json.decode(body)['id']}"
    return Response(body, operation.status, headers, "application/json")
