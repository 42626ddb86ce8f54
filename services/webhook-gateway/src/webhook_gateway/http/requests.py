"""Reading a request into typed data, so that all faults are reported together, each with its path."""

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Any, TypeVar, get_args, get_origin

import msgspec
from starlette.requests import Request

from webhook_gateway.problem import Fault, Problem, invalid
from webhook_gateway.resources.lead_values import decode_hook
from webhook_gateway.rpc.messages import members

T = TypeVar("T")

MAX_JSON = 1024 * 1024  # bytes of a request body
_MAX_KEY = 64
_MAX_FAULTS = 50


def _exact(text: str) -> float | Decimal:
    """Read a number; as Decimal if a float would lose digits."""
    number, exact = float(text), Decimal(text)
    return number if Decimal(repr(number)) == exact else exact


_decoder = msgspec.json.Decoder(dict[str, Any], float_hook=_exact)


def decode(body: bytes) -> dict[str, Any]:
    """Decode a JSON object. Raises Problem 400 malformed_json."""
    try:
        return _decoder.decode(body)
    except (msgspec.MsgspecError, ValueError, ArithmeticError, RecursionError) as error:
        raise Problem(400, "malformed_json", "the body is not a JSON object in UTF-8") from error


async def read_json(request: Request) -> dict[str, Any]:
    """Read the body; an empty one is an empty object. Raises Problem 413 or 400 malformed_json."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_JSON:
            close = {"connection": "close"}
            raise Problem(413, "body_too_large", f"a body has at most {MAX_JSON} bytes", headers=close)
    return decode(bytes(body)) if body else {}


def read_query(request: Request) -> dict[str, str]:
    """Read the query; empty parameters are absent. Raises Problem 400 if one is given twice."""
    pairs = request.query_params.multi_items()
    given = dict(pairs)
    if len(given) != len(pairs):
        times = Counter(name for name, _ in pairs)
        raise invalid(*(Fault(name, "is given twice") for name in given if times[name] > 1))
    return {name: value for name, value in given.items() if value}


def read_etag(request: Request) -> str:
    """Read `If-Match`: the revision that must still hold; empty = any."""
    value = request.headers.get("if-match", "").strip()
    return "" if value == "*" else value.removeprefix("W/").strip('"')


def read_request_id(request: Request) -> str:
    """Read `Idempotency-Key`; empty if there is none. Raises Problem 400 if it is too long."""
    value = request.headers.get("idempotency-key", "").strip()
    if len(value) > _MAX_KEY:
        raise invalid(Fault("Idempotency-Key", f"has at most {_MAX_KEY} characters"))
    return value


def read(value: object, kind: type[T], path: str = "", *, strict: bool = True) -> T:
    """Make typed data of decoded JSON or, not `strict`, of texts. Raises Problem 400 invalid_field with every fault."""
    if faults := list(_faults(value, kind, path, strict=strict)):
        raise invalid(*faults[:_MAX_FAULTS])
    return msgspec.convert(value, kind, strict=strict, dec_hook=decode_hook)


def _faults(value: object, kind: object, path: str, *, strict: bool) -> Iterator[Fault]:
    found: list[Fault] = []
    for member in members(kind):
        option = get_args(member)[0] if get_origin(member) is Annotated else member
        if isinstance(value, dict) and isinstance(option, type) and issubclass(option, msgspec.Struct):
            yield from _struct_faults(value, option, path, strict=strict)
            return
        if isinstance(value, dict) and get_origin(option) is dict:
            names, items = get_args(option)
            for name, item in value.items():
                found += [
                    *_leaf(name, names, _join(path, name)),
                    *_faults(item, items, _join(path, name), strict=strict),
                ]
        if isinstance(value, list) and get_origin(option) is list:
            (items,) = get_args(option)
            for index, item in enumerate(value):
                found += _faults(item, items, f"{path}[{index}]", strict=strict)
    yield from found or _leaf(value, kind, path, strict=strict)


def _struct_faults(value: dict[str, Any], kind: type[msgspec.Struct], path: str, *, strict: bool) -> Iterator[Fault]:
    known = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    for name in value:
        if name not in known:
            yield Fault(_join(path, name), "is not known here")
    for name, field in known.items():
        if name in value:
            yield from _faults(value[name], field.type, _join(path, name), strict=strict)
        elif field.required:
            yield Fault(_join(path, name), "is required")


def _leaf(value: object, kind: Any, path: str, *, strict: bool = True) -> Iterator[Fault]:
    try:
        msgspec.convert(value, kind, strict=strict, dec_hook=decode_hook)
    except msgspec.ValidationError as error:
        yield Fault(path, _for_people(error, kind))


def _for_people(error: msgspec.ValidationError, kind: object) -> str:
    """Say what is wrong: in the type's own words where the fault is a regular expression that does not match."""
    metas = (meta for member in members(kind) for meta in get_args(member)[1:] if isinstance(meta, msgspec.Meta))
    described = next((meta.description for meta in metas if meta.pattern and meta.description), None)
    if described is None or "matching regex" not in str(error):
        return str(error)
    return f"must be {described[0].lower()}{described[1:].rstrip('.')}"


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
