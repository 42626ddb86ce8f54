"""`/openapi.json`: an OpenAPI 3.1 document, made of the table of routes and the types in its handlers' signatures."""

from collections.abc import Iterable, Iterator
from http import HTTPStatus
from types import NoneType
from typing import Any

import msgspec
from starlette.responses import Response

from webhook_gateway.clients.names import camel
from webhook_gateway.http.calling import RawHandler
from webhook_gateway.http.operation import HEADERS, Row
from webhook_gateway.http.problems import ProblemBody
from webhook_gateway.http.statuses import BODY, CALLER, PARAMETER, QUERY, Reasons

Json = dict[str, Any]

_SCHEMES = {
    "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "Names tenant and role."},
    "signature": {"type": "apiKey", "in": "header", "name": "X-HubSpot-Signature-v3"},
}
_HEADER_TEXTS = {
    "etag": "`ETag` that must still hold; none = whatever it is now.",
    "request_id": "Makes the request repeatable: the same key again gives the first answer.",
}
_ABOUT = "Keeps leads and CRM records the same. Errors are `application/problem+json` with a stable `reason`."


def describe(rows: Iterable[Row]) -> bytes:
    """Write the document, as JSON."""
    paths: dict[str, Json] = {}
    types = _Types(rows)
    for row in rows:
        path = "/".join(f"{{{camel(part[1:-1])}}}" if part.startswith("{") else part for part in row.path.split("/"))
        paths.setdefault(path, {})[row.method.lower()] = _operation(row, types)
    document = {
        "openapi": "3.1.0",
        "info": {"title": "leadsync", "version": "1", "description": _ABOUT},
        "paths": paths,
        "components": {"schemas": types.components, "securitySchemes": _SCHEMES},
    }
    return msgspec.json.encode(document)


class _Types:
    """The schemas of all types that rows mention."""

    def __init__(self, rows: Iterable[Row]) -> None:
        kinds = [kind for row in rows for kind in _kinds(row)] + [ProblemBody]
        refs, self.components = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
        self._refs = {str(kind): ref for kind, ref in zip(kinds, refs, strict=True)}

    def __getitem__(self, kind: Any) -> Json:
        return self._refs[str(kind)]


def _kinds(row: Row) -> Iterator[Any]:
    for name, kind in row.shape.takes.items():
        if name == "query":
            yield from (field.type for field in msgspec.structs.fields(kind))
        else:
            yield kind
    if row.shape.answer not in {NoneType, Response}:
        yield row.shape.answer


def _operation(row: Row, types: _Types) -> Json:
    summary, _, rest = (row.function.__doc__ or "").partition("\n")
    role = f"Needs the role {row.role.name.lower()}." if row.role else "Public."
    operation: Json = {
        "operationId": camel(row.operation),
        "summary": summary,
        "description": f"{rest.strip()} {role}".strip(),
        "parameters": list(_parameters(row, types)),
        "responses": {str(row.status): _success(row, types)} | dict(_errors(row, types)),
        "security": [{"token": []}] if row.role else [{"signature": []}] if isinstance(row.handler, RawHandler) else [],
    }
    if "body" in row.shape.takes:
        content = {"application/json": {"schema": types[row.shape.takes["body"]]}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _parameters(row: Row, types: _Types) -> Iterator[Json]:
    for name, kind in row.shape.takes.items():
        if name == "query":
            for field in msgspec.structs.fields(kind):
                yield _parameter(field.encode_name, "query", types[field.type], required=field.required)
        elif name in HEADERS:
            yield _parameter(HEADERS[name], "header", types[kind]) | {"description": _HEADER_TEXTS[name]}
        elif name != "body":
            yield _parameter(camel(name), "path", types[kind] | {"minLength": 1}, required=True)


def _parameter(name: str, place: str, schema: Json, *, required: bool = False) -> Json:
    return {"name": name, "in": place, "required": required, "schema": schema}


def _success(row: Row, types: _Types) -> Json:
    found: Json = {"description": HTTPStatus(row.status).phrase}
    if row.shape.answer is Response:
        found["content"] = (
            {"text/plain": {}} if row.path == "/metrics" else {"application/json": {"schema": {"type": "object"}}}
        )
    elif row.shape.answer is not NoneType:
        found["content"] = {"application/json": {"schema": types[row.shape.answer]}}
    if row.shape.tagged:
        found["headers"] = {"ETag": {"schema": {"type": "string"}, "description": "Revision, for `If-Match`."}}
    return found


def _errors(row: Row, types: _Types) -> Iterator[tuple[str, Json]]:
    for status, reasons in sorted(reasons_of(row).items()):
        schema = {"allOf": [types[ProblemBody], {"properties": {"reason": {"enum": reasons}}}]}
        content = {"application/problem+json": {"schema": schema}}
        yield str(status), {"description": ", ".join(reasons), "content": content}


def reasons_of(row: Row) -> dict[int, list[str]]:
    """Add up the reasons that an operation may give for not doing what was asked, by status."""
    takes, raw = row.shape.takes, isinstance(row.handler, RawHandler)
    implied: list[Reasons] = [CALLER] if row.role else []
    implied += [QUERY] if "query" in takes or HEADERS.keys() & takes else []
    implied += [BODY] if "body" in takes and not raw else []
    implied += [PARAMETER] if "{" in row.path else []
    found: dict[int, list[str]] = {}
    for group in (*implied, *row.reasons):
        for status, reasons in group.items():
            known = found.setdefault(status, [])
            known += [reason for reason in reasons if reason not in known]
    return found
