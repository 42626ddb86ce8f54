"""Types of values and their canonical text, which lead fields and CRM properties have in common. Pure.

A number has neither exponent nor trailing zeros (`12.5`), a date is `2026-11-29`, a time `2026-11-29T15:04:05.000Z`,
several choices are sorted and joined with `;`. Texts keep their spelling. A text that is not of its type is never
changed.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

BETWEEN_CHOICES = ";"
_LONGEST_NUMBER = 400
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,4})?", re.ASCII)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_TIME = re.compile(r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?(Z|[+-]\d{2}:?\d{2})", re.ASCII)


class ValueType(StrEnum):
    """Type of a lead field, or kind of a property. Properties are never of the kinds email, phone and url."""

    TEXT = "text"
    EMAIL = "email"
    PHONE = "phone"
    URL = "url"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"
    CHOICE = "choice"
    MULTI_CHOICE = "multi_choice"

    @property
    def is_free(self) -> bool:
        """Whether any text is a value of this type."""
        return self in {ValueType.TEXT, ValueType.EMAIL, ValueType.PHONE, ValueType.URL, ValueType.CHOICE}


class Spelling(Protocol):
    """How a CRM writes values. What cannot be converted stays as it is, in both directions."""

    def read(self, kind: ValueType, text: str) -> str:
        """Turn the CRM's text of a property of this kind into canonical text."""
        ...

    def write(self, kind: ValueType, text: str) -> str:
        """Turn canonical text into what the CRM takes for a property of this kind."""
        ...


class Canonical:
    """The spelling of a CRM that writes canonical text itself."""

    def read(self, kind: ValueType, text: str) -> str:
        """Give the canonical text."""
        return canonical(kind, text)

    def write(self, kind: ValueType, text: str) -> str:
        """Give the canonical text."""
        return canonical(kind, text)


def canonical(kind: ValueType, text: str) -> str:
    """Give the canonical form of a value; a text that is not of this type, or may be any text, stays as it is."""
    read = _READ.get(kind)
    if read is None or not text.strip():
        return text
    try:
        return read(text.strip())
    except (ValueError, OverflowError):
        return text


def _number(text: str) -> str:
    """Write a number exactly: it is never a float on the way."""
    if len(text) > _LONGEST_NUMBER or not _NUMBER.fullmatch(text):
        raise ValueError
    number = Decimal(text)
    digits = format(number, "f") if number else "0"  # -0 is 0
    if "." in digits:
        digits = digits.rstrip("0").removesuffix(".")
    if len(digits) > _LONGEST_NUMBER:
        raise ValueError
    return digits


def _boolean(text: str) -> str:
    if text.lower() not in {"true", "false"}:
        raise ValueError
    return text.lower()


def _date(text: str) -> str:
    """Write a day, or the day of a time in UTC."""
    if _DAY.fullmatch(text):
        return date.fromisoformat(text).isoformat()
    return _time(text).date().isoformat()


def _datetime(text: str) -> str:
    """Write a time in UTC with milliseconds; a day is its midnight."""
    moment = datetime.fromisoformat(text).replace(tzinfo=UTC) if _DAY.fullmatch(text) else _time(text)
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def _time(text: str) -> datetime:
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueError
    seconds, fraction, offset = found.groups("")
    return datetime.fromisoformat(f"{seconds}.{fraction[:3]:0<3}{offset}").astimezone(UTC)


def _multi_choice(text: str) -> str:
    return BETWEEN_CHOICES.join(sorted({choice.strip() for choice in text.split(BETWEEN_CHOICES)} - {""}))


_READ: Mapping[ValueType, Callable[[str], str]] = {
    ValueType.NUMBER: _number,
    ValueType.BOOLEAN: _boolean,
    ValueType.DATE: _date,
    ValueType.DATETIME: _datetime,
    ValueType.MULTI_CHOICE: _multi_choice,
}
