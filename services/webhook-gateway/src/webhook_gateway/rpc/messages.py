"""Between messages of the contracts and plain data, field by field of the same name.

An enum becomes its word (`WORK_STATE_DUE` is `due`), a timestamp a time in UTC. A blank is None wherever the plain type
allows None; of an `optional` field only what is absent is None, as its blank is a value. The name of a lead's field
gets the spelling of the HTTP API.
"""

from datetime import UTC, datetime, timedelta
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

import msgspec
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from webhook_gateway.rpc.names import LeadField, contract_field, http_field, snake

# Descriptors are Any: they have two implementations, each with types of its own.
T = TypeVar("T", bound=msgspec.Struct)
M = TypeVar("M", bound=Message)
Types = tuple[object, ...]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_MS, _LAST_MS = -62_135_596_800_000, 253_402_300_799_999  # what a timestamp can hold: years 1 to 9999


def plain(message: Message, kind: type[T], /, **given: object) -> T:
    """Make plain data of a message; a blank is the type's own default, if it has one. `given` takes precedence."""
    known = message.DESCRIPTOR.fields_by_name
    found = {
        name: _value(message, known[name], types)
        for name, types, required in _fields(kind)
        if name in known and name not in given and (required or getattr(message, name))
    }
    return kind(**found, **given)


def filled(message: M, query: msgspec.Struct) -> M:
    """Fill a request with a query: fields of the same name, as far as they are given."""
    for name, types, _ in _fields(type(query)):
        value = getattr(query, name)
        enum = message.DESCRIPTOR.fields_by_name[name].enum_type
        if isinstance(value, datetime):
            at_ms = (value - _EPOCH) // timedelta(milliseconds=1)  # `FromDatetime` fails at both ends of time
            set_time(getattr(message, name), max(_FIRST_MS, min(at_ms, _LAST_MS)))
        elif LeadField in types and value is not msgspec.UNSET:
            setattr(message, name, contract_field(value))
        elif value is not msgspec.UNSET:
            setattr(message, name, enum.values_by_name[_prefix(enum) + value.upper()].number if enum else value)
    return message


def set_time(message: Timestamp, at_ms: int) -> None:
    """Set a timestamp in place; as the fields are set, 1970 itself is a time, not an absent one."""
    message.seconds = at_ms // 1000
    message.nanos = at_ms % 1000 * 1_000_000


def number(kind: Any, word: str | msgspec.UnsetType | None) -> Any:
    """Find the value of an enum by its word; nothing given is its UNSPECIFIED."""
    return kind.Value(_prefix(kind.DESCRIPTOR) + word.upper()) if isinstance(word, str) else 0


def members(kind: object) -> tuple[object, ...]:
    """Split a type into the members of its union; one that is no union is its only member."""
    if get_origin(kind) in {Union, UnionType}:
        return tuple(inner for item in get_args(kind) for inner in members(item))
    return (kind,)


def word(kind: Any, value: int) -> Any:
    """Find the word of an enum's value."""
    return _word(kind.DESCRIPTOR, value, ())


@cache
def _fields(kind: type[msgspec.Struct]) -> tuple[tuple[str, Types, bool], ...]:
    return tuple((field.name, members(field.type), field.required) for field in msgspec.structs.fields(kind))


def _value(message: Message, field: Any, types: Types) -> object:
    value = getattr(message, field.name)
    inner = field.message_type
    if inner is not None and inner.GetOptions().map_entry:
        names, values = get_args(types[0])
        known = inner.fields_by_name
        return {
            _one(key, known["key"], (names,)): _one(value[key], known["value"], members(values))
            for key in sorted(value)
        }
    if field.is_repeated:
        (items,) = get_args(types[0])
        return [_one(item, field, members(items)) for item in value]
    if field.has_presence and NoneType in types and not message.HasField(field.name):
        return None
    if field.has_presence and inner is None:
        return value
    return _one(value, field, types)


def _one(value: Any, field: Any, types: Types) -> object:
    if isinstance(value, Timestamp):
        return value.ToDatetime(tzinfo=UTC)
    if isinstance(value, Message):
        kind: Any = types[0]
        return plain(value, kind)
    if field.enum_type is not None:
        return _word(field.enum_type, value, types)
    if LeadField in types:
        value = http_field(value)
    return None if not value and NoneType in types else value


def _word(enum: Any, value: int, types: Types) -> str | None:
    known = enum.values_by_number.get(value)
    if not value and NoneType in types:
        return None
    return known.name.removeprefix(_prefix(enum)).lower() if known else "unknown"


def _prefix(enum: Any) -> str:
    return f"{snake(enum.name).upper()}_"
