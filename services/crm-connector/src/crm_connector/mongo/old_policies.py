"""Policies of integrations that were stored before there was one message for them."""

import json
from collections.abc import Mapping
from typing import Any


def with_policy(document: Mapping[str, Any]) -> dict[str, Any]:
    """Give a document that has a policy, made of its former fields if it has none."""
    if "policy" in document:
        return dict(document)
    rules = document.get("rules", [])
    matching = {"keys": _named("MATCH_KEY", document.get("match_keys", ["email"]))}
    policy = {
        "direction": _name("DIRECTION", document["direction"]),
        "fields": [
            {"field": rule["field"]}
            | {name: _name(enum, rule[name]) for name, enum in _RULE.items() if rule.get(name, _UNSET) != _UNSET}
            for rule in rules
        ],
        "deletions": _deletions(document.get("deletions", {})),
        "matching": matching | {"phone_region": document.get("phone_region", "")},
    }
    return {**document, "policy": json.dumps(policy, sort_keys=True, separators=(",", ":"))}


_UNSET = "unspecified"
_RULE = {"rule": "MERGE_RULE", "blank": "BLANK_RULE", "direction": "DIRECTION"}


def _deletions(given: Mapping[str, Any]) -> dict[str, Any]:
    policies = {"policy": "DELETE_POLICY", "record_policy": "RECORD_POLICY"}
    return {name: _name(policies[name], value) if name in policies else value for name, value in given.items()}


def _named(enum: str, values: list[str]) -> list[str]:
    return [_name(enum, value) for value in values]


def _name(enum: str, value: str) -> str:
    return f"{enum}_{value.upper()}"
