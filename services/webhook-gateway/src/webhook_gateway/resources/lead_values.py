"""Values of custom fields: JSON texts, numbers, booleans and arrays over HTTP, and texts in the contracts."""

import re
from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any

from msgspec import Raw

SEPARATOR = ";"  # between the choices of a value
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
_SCHEMA = {
    "description": "A number, a boolean or an array of choices for a field of such a type; a text for all others.",
    "anyOf": [
        {"type": ["string", "number", "boolean"]},
        {"type": "array", "items": {"type": "string", "pattern": f"^[^{SEPARATOR}]+$"}},
    ],
}


class JsonType(StrEnum):
    """How a value is written in JSON."""

    TEXT = "a text"
    NUMBER = "a number"
    BOOLEAN = "true or false"
    CHOICES = "an array of choices"


JSON_TYPES: Mapping[str, JsonType] = {  # by type of the field; all others are texts
    "number": JsonType.NUMBER,
    "boolean": JsonType.BOOLEAN,
    "multi_choice": JsonType.CHOICES,
}


class LeadValue:
    """A value with its type in JSON. `text` is the value in the contracts; numbers keep all their digits."""

    __slots__ = ("json_type", "text")

    def __init__(self, text: str, json_type: JsonType = JsonType.TEXT) -> None:
        self.text = text
        self.json_type = json_type

    @classmethod
    def of_field(cls, text: str, field_type: str) -> "LeadValue":
        """Make the value of a field of this type. A text that is not of the type stays a text."""
        json_type = JSON_TYPES.get(field_type, JsonType.TEXT)
        fits = {
            JsonType.NUMBER: _NUMBER.fullmatch(text) is not None,
            JsonType.BOOLEAN: text in {"true", "false"},
        }.get(json_type, True)
        return cls(text, json_type if fits else JsonType.TEXT)

    def to_json(self) -> Any:
        """Write it as JSON."""
        if self.json_type is JsonType.NUMBER:
            return Raw(self.text.encode())
        if self.json_type is JsonType.BOOLEAN:
            return self.text == "true"
        return self.text.split(SEPARATOR) if self.json_type is JsonType.CHOICES else self.text


def from_json(value: object) -> LeadValue:
    """Read a decoded JSON value. Raises TypeError or ValueError for what cannot be a value."""
    if isinstance(value, str):
        return LeadValue(value)
    if isinstance(value, bool):
        return LeadValue(str(value).lower(), JsonType.BOOLEAN)
    if isinstance(value, (int, float, Decimal)):
        return LeadValue(str(value), JsonType.NUMBER)
    if not isinstance(value, list):
        raise TypeError("must be a text, a number, true, false or an array of texts")
    if not all(isinstance(item, str) and item and SEPARATOR not in item for item in value):
        raise ValueError(f"must be an array of texts that are not empty and have no `{SEPARATOR}`")
    return LeadValue(SEPARATOR.join(value), JsonType.CHOICES)


def decode_hook(kind: type, value: object) -> LeadValue:
    """Decode a LeadValue, for msgspec."""
    if kind is LeadValue:
        return from_json(value)
    raise NotImplementedError


def encode_hook(value: object) -> Any:
    """Encode a LeadValue, for msgspec."""
    if isinstance(value, LeadValue):
        return value.to_json()
    raise NotImplementedError


def schema_hook(kind: type) -> dict[str, Any]:
    """Describe a LeadValue, for msgspec."""
    if kind is LeadValue:
        return _SCHEMA
    raise NotImplementedError
