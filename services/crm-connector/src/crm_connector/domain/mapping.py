"""The field mapping: lead field ↔ CRM property, and values in both spellings.

Both spellings are the same text today; a transform or an option table of a property would live here.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from crm_connector.domain.errors import InvalidError
from crm_connector.domain.observation import Reading, Version

LEAD_FIELDS = ("email", "first_name", "last_name", "phone", "company", "job_title", "website", "status")
MAX_MAPPED_FIELDS = 200
_CUSTOM_FIELD = re.compile(r"custom_fields\.[A-Za-z0-9_]{1,64}")


@dataclass(frozen=True)
class FieldMapping:
    """Lead field → CRM property, one to one."""

    properties: Mapping[str, str]

    @cached_property
    def fields(self) -> dict[str, str]:
        """The way back: CRM property → lead field."""
        return {name: field for field, name in self.properties.items()}

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the mapping: a base made under another one is not used (R19)."""
        return hashlib.sha256(json.dumps(sorted(self.properties.items())).encode()).hexdigest()

    def to_crm(self, values: Mapping[str, str]) -> dict[str, str]:
        """Turn lead values into property values; a field that is not mapped (any more) is left out."""
        return {self.properties[field]: value for field, value in values.items() if field in self.properties}

    def readings(
        self,
        properties: Mapping[str, str | None],
        versions: Mapping[str, tuple[Version, ...]] | None = None,
    ) -> tuple[Reading, ...]:
        """Turn properties into readings: a null is a blank, a property that is missing is unknown (R19)."""
        history = versions or {}
        return tuple(
            Reading(field, crm := properties[name] or "", crm, history.get(name, ()))
            for field, name in self.properties.items()
            if name in properties
        )

    def fields_of(self, names: Iterable[str]) -> tuple[str, ...]:
        """Lead fields of these properties, sorted; unmapped ones are left out."""
        return tuple(sorted(self.fields[name] for name in names if name in self.fields))


@dataclass(frozen=True, slots=True)
class CrmField:
    """One property of the CRM; `options` are (value, label), none = any value."""

    property: str
    label: str = ""
    type: str = ""
    read_only: bool = False
    options: tuple[tuple[str, str], ...] = ()


def faults(mapping: FieldMapping, known: Iterable[CrmField], *, writes: bool) -> dict[str, str]:
    """Say for each mapped field whose property cannot be used what is wrong, in plain words."""
    fields = {field.property: field for field in known}
    found: dict[str, str] = {}
    for field, name in mapping.properties.items():
        if name not in fields:
            found[field] = f"The CRM has no property `{name}`. Create it there or map another one."
        elif writes and fields[name].read_only:
            found[field] = f"The CRM calculates property `{name}`, so it cannot be written. Map another one."
    return found


def check(properties: Mapping[str, str]) -> FieldMapping:
    """Check a mapping that a person gave.

    Raises:
        InvalidError: `invalid_field_mapping` with the path of the first field that cannot be right.

    """
    if not properties or len(properties) > MAX_MAPPED_FIELDS:
        raise _invalid("", f"Map between 1 and {MAX_MAPPED_FIELDS} fields.")
    taken: dict[str, str] = {}
    for field, name in sorted(properties.items()):
        if field not in LEAD_FIELDS and not _CUSTOM_FIELD.fullmatch(field):
            raise _invalid(field, f"There is no lead field `{field}`.")
        if not name or len(name) > 100:  # HubSpot's longest internal name
            raise _invalid(field, "Name the property by its internal name, 1 to 100 characters.")
        if name in taken:
            raise _invalid(field, f"`{taken[name]}` is mapped onto property `{name}` already.")
        taken[name] = field
    return FieldMapping(dict(sorted(properties.items())))


def _invalid(field: str, message: str) -> InvalidError:
    path = f"field_mapping.{field}" if field else "field_mapping"
    return InvalidError("invalid_field_mapping", message, field=path)
