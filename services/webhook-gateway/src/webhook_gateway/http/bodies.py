"""Reading JSON objects field by field, so that all faults are told together, each with its path."""

from collections.abc import Collection, Iterator
from typing import Any

from webhook_gateway.http.problems import Fault, Problem, invalid


class Body:
    """A JSON object that is read name by name; what nobody asked for is a fault."""

    def __init__(self, value: object, path: str = "", faults: list[Fault] | None = None) -> None:
        self._faults = [] if faults is None else faults
        self._path = path
        self._known: set[str] = set()
        if isinstance(value, dict):
            self._value: dict[str, Any] = value
        elif path:
            self._value = {}
            self._faults.append(Fault(path, "is an object"))
        else:
            raise Problem(400, "malformed_json", "the body is not a JSON object")

    def has(self, name: str) -> bool:
        """Say whether the name is there, null or not."""
        self._known.add(name)
        return name in self._value

    def fault(self, name: str, message: str) -> None:
        """Note a fault of a field."""
        self._faults.append(Fault(self._join(name), message))

    def text(self, name: str, *, required: bool = False) -> str:
        """Read a text; absent and null are empty."""
        value = self._take(name)
        if value is not None and not isinstance(value, str):
            self.fault(name, "is a text")
            return ""
        if required and not value:
            self.fault(name, "is required")
        return value or ""

    def number_text(self, name: str) -> str:
        """Read an id that may be written as a text or as a whole number."""
        value = self._take(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        return self.text(name)

    def word(self, name: str, words: Collection[str]) -> str | None:
        """Read one of some words; None if absent."""
        value = self._take(name)
        if value is None:
            return None
        if not isinstance(value, str) or value not in words:
            self.fault(name, f"is one of {', '.join(words)}")
            return None
        return value

    def flag(self, name: str) -> bool | None:
        """Read true or false; None if absent."""
        value = self._take(name)
        if value is not None and not isinstance(value, bool):
            self.fault(name, "is true or false")
            return None
        return value

    def texts(self, name: str, *, most: int) -> list[str]:
        """Read a list of 1 to `most` texts."""
        value = self._take(name)
        if not isinstance(value, list) or not value or len(value) > most:
            self.fault(name, f"is a list of 1 to {most} texts")
            return []
        for index, item in enumerate(value):
            if not isinstance(item, str) or not item:
                self.fault(f"{name}[{index}]", "is a text")
        return [item for item in value if isinstance(item, str)]

    def part(self, name: str) -> "Body":
        """Read an object inside; its faults are told with this one's. An absent one is empty."""
        value = self._take(name)
        return Body({} if name not in self._value else value, self._join(name), self._faults)

    def names(self) -> Iterator[str]:
        """Iterate over the names of an object whose names are data."""
        return iter(list(self._value))

    def close(self) -> None:
        """End reading: what was not asked for is a fault. Raises Problem 400 invalid_field with every fault."""
        self.check_names()
        if self._faults:
            raise invalid(*self._faults[:50])

    def check_names(self) -> None:
        """Note a fault for every name that was not asked for."""
        for name in self._value:
            if name not in self._known:
                self.fault(name, "is not a field that can be set here")

    def _take(self, name: str) -> Any:
        self._known.add(name)
        return self._value.get(name)

    def _join(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name
