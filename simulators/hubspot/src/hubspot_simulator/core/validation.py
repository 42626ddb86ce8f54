"""Checks, normalises and refuses the properties of a write, as HubSpot does before it stores them."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from hubspot_simulator.core.clock import iso, parse_ms
from hubspot_simulator.core.definitions import Definition
from hubspot_simulator.core.errors import PropertyFault, invalid_properties, validation
from hubspot_simulator.core.properties import Catalog

_EMAIL = re.compile(r"[^@\s;,<>]+@[^@\s;,<>.]+(\.[^@\s;,<>.]+)+")


def clean(catalog: Catalog, properties: object, portal_id: int) -> dict[str, str]:
    """The values as they will be stored, or one 400 that names every bad property.

    Everything becomes a string; `""` (and null, a guess) clears; e-mail is lower-cased.
    """
    if not isinstance(properties, Mapping):
        raise validation("Invalid input JSON: properties must be an object")
    cleaned: dict[str, str] = {}
    faults: list[PropertyFault] = []
    for name, raw in properties.items():
        outcome = _clean_one(catalog.find(str(name).lower()), str(name), _text(raw))
        if isinstance(outcome, PropertyFault):
            faults.append(outcome)
        else:
            cleaned[str(name).lower()] = outcome
    if faults:
        raise invalid_properties(faults, portal_id)
    return cleaned


def is_email(text: str) -> bool:
    """Return whether HubSpot accepts the text as an e-mail address (roughly)."""
    return len(text) <= 254 and _EMAIL.fullmatch(text) is not None


def _text(raw: object) -> str:
    if raw is None:
        return ""
    if isinstance(raw, bool):
        return "true" if raw else "false"
    return str(raw)


def _clean_one(found: Definition | None, name: str, text: str) -> str | PropertyFault:
    if found is None:
        return PropertyFault(name, "PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist')
    if found.read_only:
        return PropertyFault(name, "READ_ONLY_VALUE", f'"{name}" is a read only property; its value cannot be set.')
    if text == "":
        return text
    if name.lower() == "email":
        return _email(name, text)
    if name.lower() == "hs_additional_emails":
        return _emails(name, text)
    check = _CHECKS.get(found.type)
    return text if check is None else check(found, text)


def _email(name: str, text: str) -> str | PropertyFault:
    lowered = text.strip().lower()
    if not is_email(lowered):
        return PropertyFault(name, "INVALID_EMAIL", f"Email address {text} is invalid")
    return lowered


def _emails(name: str, text: str) -> str | PropertyFault:
    parts = [_email(name, part) for part in text.split(";") if part.strip()]
    bad = next((part for part in parts if isinstance(part, PropertyFault)), None)
    return bad or ";".join(str(part) for part in parts)


def _option(found: Definition, text: str) -> str | PropertyFault:
    parts = [part for part in text.split(";") if part] if found.field_type == "checkbox" else [text]
    bad = next((part for part in parts if part not in found.allowed), None)
    if bad is not None:
        allowed = ", ".join(option["value"] for option in found.options)
        return PropertyFault(found.name, "INVALID_OPTION", f"{bad} was not one of the allowed options: [{allowed}]")
    return text


def _number(found: Definition, text: str) -> str | PropertyFault:
    try:
        float(text)
    except ValueError:
        return PropertyFault(found.name, "INVALID_INTEGER", f"{text} was not a valid number.")
    return text.strip()


def _boolean(found: Definition, text: str) -> str | PropertyFault:
    lowered = text.strip().lower()
    if lowered not in ("true", "false"):
        return PropertyFault(found.name, "INVALID_OPTION", f"{text} was not one of the allowed options: [true, false]")
    return lowered


def _datetime(found: Definition, text: str) -> str | PropertyFault:
    ms = parse_ms(text)
    if ms is None:
        return PropertyFault(found.name, "INVALID_DATE", f"{text} was not a valid long.")
    return iso(ms)


def _date(found: Definition, text: str) -> str | PropertyFault:
    ms = parse_ms(text)
    if ms is None:
        return PropertyFault(found.name, "INVALID_DATE", f"{text} was not a valid long.")
    if ms % 86_400_000:
        return PropertyFault(found.name, "INVALID_DATE", f"{ms} is not midnight UTC.")
    return f"{datetime.fromtimestamp(ms // 1000, UTC):%Y-%m-%d}"


_CHECKS: dict[str, Callable[[Definition, str], Any]] = {
    "enumeration": _option,
    "number": _number,
    "bool": _boolean,
    "datetime": _datetime,
    "date": _date,
}
