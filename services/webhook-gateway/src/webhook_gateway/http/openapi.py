"""`/openapi.json`: an OpenAPI 3.1 document, made of the operations and the types in their signatures."""

from collections.abc import Iterable, Iterator
from http import HTTPStatus
from inspect import getdoc
from types import NoneType
from typing import Any

import msgspec
from starlette.responses import Response

from webhook_gateway.http.problems import ProblemBody
from webhook_gateway.http.roles import role_of
from webhook_gateway.providers.registry import SECURITY_SCHEMES
from webhook_gateway.resources.lead_values import schema_hook
from webhook_gateway.resources.operation import HEADERS, Operation
from webhook_gateway.resources.reasons import BODY, CALLER, PARAMETER, QUERY, Reasons
from webhook_gateway.rpc.names import camel

Json = dict[str, Any]

_TOKEN = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "Names tenant and role."}
_HEADER_TEXTS = {
    "etag": "`ETag` that must still hold; none = whatever it is now.",
    "request_id": "Makes the request repeatable: the same key again gives the first answer.",
}
_ABOUT = "Keeps leads and CRM records the same. Errors are `application/problem+json` with a stable `reason`."


def describe(operations: Iterable[Operation]) -> bytes:
    """Write the document, as JSON."""
    paths: dict[str, Json] = {}
    types = _Types(operations)
    for item in operations:
        paths.setdefault(described_path(item.path), {})[item.method.lower()] = _described(item, types)
    document = {
        "openapi": "3.1.0",
        "info": {"title": "leadsync", "version": "1", "description": _ABOUT},
        "paths": paths,
        "components": {"schemas": types.components, "securitySchemes": {"token": _TOKEN, **SECURITY_SCHEMES}},
    }
    return msgspec.json.encode(document)


def described_path(path: str) -> str:
    """Spell the parameters of a path in camelCase."""
    return "/".join(f"{{{camel(part[1:-1])}}}" if part.startswith("{") else part for part in path.split("/"))


class _Types:
    """The schemas of all types that operations mention."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        kinds = [kind for item in operations for kind in _kinds(item)] + [ProblemBody]
        refs, self.components = msgspec.json.schema_components(
            kinds, schema_hook=schema_hook, ref_template="#/components/schemas/{name}"
        )
        self._refs = {str(kind): ref for kind, ref in zip(kinds, refs, strict=True)}

    def __getitem__(self, kind: Any) -> Json:
        return self._refs[str(kind)]


def _kinds(item: Operation) -> Iterator[Any]:
    for name, kind in item.shape.takes.items():
        if name == "query":
            yield from (field.type for field in msgspec.structs.fields(kind))
        else:
            yield kind
    if item.signed_body:
        yield item.signed_body
    if item.shape.answer not in {NoneType, Response}:
        yield item.shape.answer


def _described(item: Operation, types: _Types) -> Json:
    summary, _, rest = (getdoc(item.function) or "").partition("\n")
    role = role_of(item.name)
    needs = f"Needs the role {role.name.lower()}." if role else "Public."
    described: Json = {
        "operationId": camel(item.name),
        "summary": summary,
        "description": f"{rest.strip()} {needs}".strip(),
        "parameters": list(_parameters(item, types)),
        "responses": {str(item.status): _success(item, types)} | dict(_errors(item, types)),
        "security": [{"token": []}] if role else [{name: []} for name in SECURITY_SCHEMES if item.signed_body],
    }
    if item.body:
        content = {"application/json": {"schema": types[item.body]}}
        described["requestBody"] = {"required": _is_needed(item.body), "content": content}
    return described


def _is_needed(body: Any) -> bool:
    """Whether a body cannot be left out: it is no object, or a part of it is required."""
    return not (isinstance(body, type) and issubclass(body, msgspec.Struct)) or any(
        field.required for field in msgspec.structs.fields(body)
    )


def _parameters(item: Operation, types: _Types) -> Iterator[Json]:
    for name, kind in item.shape.takes.items():
        if name == "query":
            for field in msgspec.structs.fields(kind):
                yield _parameter(field.encode_name, "query", types[field.type], required=field.required)
        elif name in HEADERS:
            yield _parameter(HEADERS[name], "header", types[kind]) | {"description": _HEADER_TEXTS[name]}
        elif name != "body":
            yield _parameter(camel(name), "path", types[kind] | {"minLength": 1}, required=True)


def _parameter(name: str, place: str, schema: Json, *, required: bool = False) -> Json:
    return {"name": name, "in": place, "required": required, "schema": schema}


def _success(item: Operation, types: _Types) -> Json:
    found: Json = {"description": HTTPStatus(item.status).phrase}
    if item.shape.answer is Response:
        found["content"] = (
            {"text/plain": {}} if item.path == "/metrics" else {"application/json": {"schema": {"type": "object"}}}
        )
    elif item.shape.answer is not NoneType:
        found["content"] = {"application/json": {"schema": types[item.shape.answer]}}
    if item.shape.tagged:
        found["headers"] = {"ETag": {"schema": {"type": "string"}, "description": "Revision, for `If-Match`."}}
    return found


def _errors(item: Operation, types: _Types) -> Iterator[tuple[str, Json]]:
    for status, reasons in sorted(reasons_of(item).items()):
        schema = {"allOf": [types[ProblemBody], {"properties": {"reason": {"enum": reasons}}}]}
        content = {"application/problem+json": {"schema": schema}}
        yield str(status), {"description": ", ".join(reasons), "content": content}


def reasons_of(item: Operation) -> dict[int, list[str]]:
    """Add up the reasons that an operation may give for an error, by status."""
    takes = item.shape.takes
    implied: list[Reasons] = [CALLER] if role_of(item.name) else []
    implied += [QUERY] if "query" in takes or HEADERS.keys() & takes else []
    implied += [BODY] if "body" in takes else []
    implied += [PARAMETER] if "{" in item.path else []
    found: dict[int, list[str]] = {}
    for group in (*implied, *item.reasons):
        for status, reasons in group.items():
            known = found.setdefault(status, [])
            known += [reason for reason in reasons if reason not in known]
    return found
