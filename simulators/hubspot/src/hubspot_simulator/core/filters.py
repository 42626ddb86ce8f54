"""The operators of a search filter."""

import re
from collections.abc import Mapping
from typing import Any

from hubspot_simulator.core.clock import parse_ms
from hubspot_simulator.core.definitions import Definition
from hubspot_simulator.core.errors import validation
from hubspot_simulator.core.properties import Catalog

Comparable = tuple[int, float, str]
_NUMERIC_NAMES = {"hs_object_id"}


def matches(catalog: Catalog, values: Mapping[str, str], rule: Mapping[str, Any]) -> bool:
    """Whether a contact's values satisfy one filter (search guide).

    Case does not matter, except for enumerations; IN and NOT_IN compare with the given values as they are,
    which is
    why they must be lower-case.
    """
    name, operator = str(rule.get("propertyName", "")).lower(), str(rule.get("operator", ""))
    found = catalog.find(name)
    if found is None:
        raise validation(f"There was a problem with the request: property '{name}' does not exist")
    have = values.get(name, "")
    if operator == "HAS_PROPERTY":
        return have != ""
    if operator == "NOT_HAS_PROPERTY":
        return have == ""
    if operator in ("IN", "NOT_IN"):
        inside = _stored(found, have) in {str(value) for value in rule.get("values") or []}
        return have != "" and inside == (operator == "IN")
    if operator in ("CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN"):
        return _contains(have, str(rule.get("value", ""))) == (operator == "CONTAINS_TOKEN")
    return _compare(found, have, operator, rule)


def sort_key(name: str, value: str) -> Comparable:
    """Order values as numbers or times where they are such."""
    return _comparable(value, name in _NUMERIC_NAMES, name.endswith("date"))


def _compare(found: Definition, have: str, operator: str, rule: Mapping[str, Any]) -> bool:
    number = found.type == "number" or found.name in _NUMERIC_NAMES
    moment = found.type in ("date", "datetime")
    cased = found.type == "enumeration"

    def key(text: str) -> Comparable:
        return _comparable(text if cased else text.lower(), number, moment)

    wanted = key(str(rule.get("value", "")))
    if operator == "NEQ":
        return have == "" or key(have) != wanted
    if have == "":
        return False
    mine = key(have)
    if operator == "EQ":
        return mine == wanted
    if operator == "LT":
        return mine < wanted
    if operator == "LTE":
        return mine <= wanted
    if operator == "GT":
        return mine > wanted
    if operator == "GTE":
        return mine >= wanted
    if operator == "BETWEEN":
        return wanted <= mine <= key(str(rule.get("highValue", "")))
    raise validation(f"'{operator}' is not a supported operator")


def _comparable(text: str, number: bool, moment: bool) -> Comparable:
    if moment:
        ms = parse_ms(text.upper())
        return (0, float(ms), "") if ms is not None else (1, 0.0, text)
    if number:
        try:
            return (0, float(text), "")
        except ValueError:
            return (1, 0.0, text)
    return (1, 0.0, text)


def _stored(found: Definition, have: str) -> str:
    return have if found.type == "enumeration" else have.lower()


def _contains(have: str, token: str) -> bool:
    """A word of the value; `*` stands for anything (search guide)."""
    pattern = ".*".join(re.escape(part) for part in token.lower().split("*"))
    words = [*re.split(r"[\s@.;,]+", have.lower()), have.lower()]
    return any(re.fullmatch(pattern, word) for word in words if word)
