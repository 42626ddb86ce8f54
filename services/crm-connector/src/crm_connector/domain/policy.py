"""What the customer decided about the sync, as the connector keeps it. lead-store alone checks it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from crm_connector.domain.values import ValueType


@dataclass(frozen=True, slots=True)
class Policy:
    """A `SyncPolicy` of the contract as JSON. Only the directions and the types of lead fields are read from it."""

    text: str

    @property
    def to_crm(self) -> bool:
        """Whether the platform's changes may flow to the CRM."""
        return _to_crm(self._content)

    @property
    def from_crm(self) -> bool:
        """Whether the CRM's changes may flow to the platform."""
        return self._content.get("direction") in {"DIRECTION_FROM_CRM", "DIRECTION_BIDIRECTIONAL"}

    @property
    def direction(self) -> str:
        """The direction as people read it; empty if there is none."""
        return str(self._content.get("direction", "")).removeprefix("DIRECTION_").lower()

    def written(self, fields: Iterable[str]) -> frozenset[str]:
        """Choose the fields whose changes may go to the CRM."""
        own = {rule.get("field"): rule for rule in self._rules}
        if not self.to_crm:
            return frozenset()
        return frozenset(field for field in fields if _to_crm(own.get(field, {}), default=True))

    @property
    def types(self) -> Mapping[str, ValueType]:
        """Types of lead fields, in a policy that lead-store answered."""
        named = ((rule.get("field", ""), str(rule.get("type", "")).removeprefix("FIELD_TYPE_")) for rule in self._rules)
        return {field: ValueType(name.lower()) for field, name in named if name and name.lower() in set(ValueType)}

    @property
    def _content(self) -> Mapping[str, Any]:
        return _parsed(self.text)

    @property
    def _rules(self) -> list[dict[str, Any]]:
        return list(self._content.get("fields", ()))


@lru_cache(maxsize=1_000)
def _parsed(text: str) -> Mapping[str, Any]:
    content: dict[str, Any] = json.loads(text)
    return content


def _to_crm(of: Mapping[str, Any], *, default: bool = False) -> bool:
    direction = of.get("direction", "DIRECTION_UNSPECIFIED")
    if direction == "DIRECTION_UNSPECIFIED":
        return default
    return direction in {"DIRECTION_TO_CRM", "DIRECTION_BIDIRECTIONAL"}
