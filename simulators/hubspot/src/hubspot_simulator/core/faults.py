"""Faults on demand: the next calls of a kind are refused, slowed down or cut off."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hubspot_simulator.core.errors import validation

_KEYS = {
    "match",
    "times",
    "skip",
    "status",
    "body",
    "text",
    "replace",
    "headers",
    "delay_seconds",
    "answer_delay_seconds",
    "drop_connection_before",
    "drop_connection_after",
}


@dataclass(slots=True)
class Fault:
    """A fault for calls of a method (any, if None) whose path starts with a prefix."""

    id: int
    method: str | None
    path: str
    times: int | None
    skip: int = 0
    status: int | None = None
    body: Any = None
    text: str | None = None
    """The body as it is, of any form; HTML unless `headers` say otherwise."""
    replace: dict[str, str] = field(default_factory=dict)
    """Texts of the answer's JSON that are replaced, so that it can be of any form."""
    headers: dict[str, str] = field(default_factory=dict)
    delay_seconds: float = 0.0
    answer_delay_seconds: float = 0.0
    drop_before: bool = False
    drop_after: bool = False
    used: int = 0

    def to_json(self) -> dict[str, Any]:
        """The fault as the control API shows it."""
        return {
            "id": self.id,
            "match": {"method": self.method, "path": self.path},
            "times": self.times,
            "skip": self.skip,
            "status": self.status,
            "body": self.body,
            "text": self.text,
            "replace": self.replace,
            "headers": self.headers,
            "delay_seconds": self.delay_seconds,
            "answer_delay_seconds": self.answer_delay_seconds,
            "drop_connection_before": self.drop_before,
            "drop_connection_after": self.drop_after,
            "used": self.used,
        }


class FaultPlan:
    """The faults that are still to happen; the oldest that matches comes first."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._last_id = 0

    def add(self, body: Mapping[str, Any]) -> Fault:
        """Plan a fault. `times` null lasts until removed; `skip` lets so many calls pass first."""
        unknown = set(body) - _KEYS
        if unknown:
            raise validation(f"Unknown fault fields: {', '.join(sorted(unknown))}")
        match = body.get("match") or {}
        method = match.get("method")
        self._last_id += 1
        fault = Fault(
            id=self._last_id,
            method=str(method).upper() if method else None,
            path=str(match.get("path") or "/"),
            times=body.get("times", 1),
            skip=int(body.get("skip", 0)),
            status=body.get("status"),
            body=body.get("body"),
            text=body.get("text"),
            replace={str(old): str(new) for old, new in (body.get("replace") or {}).items()},
            headers={str(name): str(value) for name, value in (body.get("headers") or {}).items()},
            delay_seconds=float(body.get("delay_seconds", 0)),
            answer_delay_seconds=float(body.get("answer_delay_seconds", 0)),
            drop_before=bool(body.get("drop_connection_before", False)),
            drop_after=bool(body.get("drop_connection_after", False)),
        )
        self._faults.append(fault)
        return fault

    def take(self, method: str, paths: tuple[str, ...]) -> Fault | None:
        """The fault for a call, used once; any of its spellings of the path may match."""
        for fault in self._faults:
            if fault.method not in (None, method) or not any(path.startswith(fault.path) for path in paths):
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            fault.used += 1
            if fault.times is not None and fault.used >= fault.times:
                self._faults.remove(fault)
            return fault
        return None

    def all(self) -> list[Fault]:
        """The faults that are still planned."""
        return list(self._faults)

    def clear(self) -> None:
        """Plan no more faults."""
        self._faults.clear()
