"""Lead fields as document keys: a key must hold no dot, and `custom_fields.x` has one."""

from collections.abc import Mapping
from typing import TypeVar

Value = TypeVar("Value")


def encode_key(name: str) -> str:
    """A field name as a document key."""
    return name.replace(".", ":")


def encode_keys(values: Mapping[str, Value]) -> dict[str, Value]:
    """Field names to document keys."""
    return {encode_key(name): value for name, value in values.items()}


def decode_keys(document: Mapping[str, Value]) -> dict[str, Value]:
    """Document keys to field names."""
    return {key.replace(":", "."): value for key, value in document.items()}
