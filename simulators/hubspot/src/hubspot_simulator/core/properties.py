"""The property definitions of one account, and their groups."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from hubspot_simulator.core.clock import Clock
from hubspot_simulator.core.definitions import DEFAULT_GROUP, NOT_SENSITIVE, Definition, default_definitions
from hubspot_simulator.core.errors import ApiError, resource_not_found, validation

MAX_UNIQUE = 10
FIELD_TYPES = {
    "string": {"text", "textarea", "phonenumber", "html", "file", "calculation_equation"},
    "number": {"number", "calculation_equation"},
    "bool": {"booleancheckbox", "calculation_equation"},
    "enumeration": {"select", "radio", "checkbox", "booleancheckbox", "calculation_equation"},
    "date": {"date"},
    "datetime": {"date"},
    "phone_number": {"phonenumber"},
}
_FIELDS: Mapping[str, tuple[str, Callable[[Any], object]]] = {
    "label": ("label", str),
    "groupName": ("group_name", str),
    "description": ("description", str),
    "type": ("type", str),
    "fieldType": ("field_type", str),
    "displayOrder": ("display_order", int),
    "hidden": ("hidden", bool),
    "formField": ("form_field", bool),
}


class Catalog:
    """All contact property definitions and groups of one account."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        now = clock.now_ms()
        defaults = [replace(found, created_ms=now, updated_ms=now) for found in default_definitions()]
        self._by_name = {found.name: found for found in defaults}
        self._groups: dict[str, dict[str, Any]] = {}
        self.create_group({"name": DEFAULT_GROUP, "label": "Contact information", "displayOrder": 0})

    def load(self, definitions: Iterable[Definition], groups: Mapping[str, dict[str, Any]]) -> None:
        """Have these definitions and groups and no others."""
        self._by_name = {found.name: found for found in definitions}
        self._groups = dict(groups)

    def find(self, name: str) -> Definition | None:
        """The live definition of that name."""
        found = self._by_name.get(name)
        return None if found is None or found.archived else found

    def get(self, name: str, archived: bool = False) -> Definition:
        """The definition of that name, or 404."""
        found = self._by_name.get(name)
        if found is None or found.archived != archived:
            raise resource_not_found()
        return found

    def all(self, archived: bool = False, sensitivity: str | None = None) -> list[Definition]:
        """Every live (or every archived) definition, or only those of a sensitivity."""
        found = [one for one in self._by_name.values() if one.archived == archived]
        return found if sensitivity is None else [one for one in found if one.sensitivity == sensitivity]

    def unique_names(self) -> list[str]:
        """Names of the custom properties with hasUniqueValue."""
        return [found.name for found in self._by_name.values() if found.unique]

    def create(self, body: Mapping[str, Any], author_id: str | None = None) -> Definition:
        """Define a property: five fields are needed; 409 if it exists (recorded error)."""
        missing = [key for key in ("name", "label", "groupName", "type", "fieldType") if not body.get(key)]
        if missing:
            raise validation(f"Some required fields were not set: [{', '.join(missing)}]")
        name = str(body["name"]).lower()
        if name in self._by_name and not self._by_name[name].archived:
            raise _exists(name)
        if body["groupName"] not in self._groups:
            raise validation(f"The property group '{body['groupName']}' does not exist.")
        if body["fieldType"] not in FIELD_TYPES.get(body["type"], ()):
            raise validation(f"fieldType '{body['fieldType']}' does not fit type '{body['type']}'.")
        if body["type"] == "enumeration" and "options" not in body:
            raise validation("Properties of type enumeration need options.")
        unique = bool(body.get("hasUniqueValue", False))
        if unique and len(self.unique_names()) >= MAX_UNIQUE:
            raise validation(f"An object can have at most {MAX_UNIQUE} unique properties.")
        now = self._clock.now_ms()
        made = Definition(
            name,
            str(body["label"]),
            unique=unique,
            created_ms=now,
            author_id=author_id,
            sensitivity=str(body.get("dataSensitivity", NOT_SENSITIVE)),
        )
        return self._store(made, body)

    def update(self, name: str, body: Mapping[str, Any]) -> Definition:
        """Change a definition, never its uniqueness; `options` replaces the list (properties guide)."""
        found = self.get(name)
        if found.hubspot_defined and set(body) - {"options"}:
            raise validation(f"The definition of the property '{name}' is read only.")
        return self._store(found, body)

    def archive(self, name: str) -> None:
        """Archive a custom property; its values are no longer readable or writable."""
        found = self.get(name)
        if found.hubspot_defined:
            raise validation(f"The property '{name}' cannot be archived.")
        self._by_name[name] = replace(found, archived=True, unique=False)

    def groups(self) -> list[dict[str, Any]]:
        """Every group."""
        return list(self._groups.values())

    def group(self, name: str) -> dict[str, Any]:
        """One group, or 404."""
        if name not in self._groups:
            raise resource_not_found()
        return self._groups[name]

    def create_group(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Define a group; 409 if it exists."""
        name, label = str(body.get("name", "")), str(body.get("label", ""))
        if not name or not label:
            raise validation("Some required fields were not set: [name, label]")
        if name in self._groups:
            raise ApiError(409, "OBJECT_ALREADY_EXISTS", f"A property group named '{name}' already exists.")
        order = int(body.get("displayOrder", -1))
        self._groups[name] = {"name": name, "label": label, "displayOrder": order, "archived": False}
        return self._groups[name]

    def update_group(self, name: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Change a group's label or order."""
        group = self.group(name)
        group.update({key: body[key] for key in ("label", "displayOrder") if key in body})
        return group

    def archive_group(self, name: str) -> None:
        """Remove a group that no property uses."""
        self.group(name)
        if any(found.group_name == name for found in self.all()):
            raise validation(f"The property group '{name}' still has properties.")
        del self._groups[name]

    def _store(self, found: Definition, body: Mapping[str, Any]) -> Definition:
        given = {theirs: body[theirs] for theirs in _FIELDS if body.get(theirs) is not None}
        changes: dict[str, Any] = {_FIELDS[theirs][0]: _FIELDS[theirs][1](value) for theirs, value in given.items()}
        found = replace(found, updated_ms=self._clock.now_ms(), **changes)
        if "options" in body:
            found = found.with_options(list(body["options"] or []))
        if found.type == "bool" and not found.options:
            found = found.with_options([{"label": "True", "value": "true"}, {"label": "False", "value": "false"}])
        self._by_name[found.name] = found
        return found


def _exists(name: str) -> ApiError:
    message = f"A property named '{name}' already exists."
    return ApiError(
        409,
        "OBJECT_ALREADY_EXISTS",
        message,
        context={"name": [name]},
        extra={"subCategory": "Properties.PROPERTY_WITH_NAME_EXISTS"},
    )
