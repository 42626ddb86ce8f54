"""The field mapping: lead field ↔ CRM property, and values in both spellings."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from dataclasses import field as made
from functools import cached_property

from crm_connector.domain import transforms
from crm_connector.domain.errors import InvalidError
from crm_connector.domain.observation import Reading, Version
from crm_connector.domain.transforms import Transform
from crm_connector.domain.values import Canonical, Spelling, ValueType

LEAD_FIELDS = ("email", "first_name", "last_name", "phone", "company", "job_title", "website", "status")
MAX_MAPPED_FIELDS = 200
_CUSTOM_FIELD = re.compile(r"custom_fields\.[A-Za-z0-9_]{1,64}")
_CANONICAL = Canonical()


@dataclass(frozen=True)
class FieldMapping:
    """Lead field → CRM property, one to one, with the steps, the lead type and the property's kind of each field.

    A reading goes from the CRM's spelling to canonical text of the property's kind, and through the steps; a write goes
    the same way back. lead-store gives a value the form of its lead type: it alone knows the present one. `types`
    only say whether a mapping can work. A field without a type or kind is text.
    """

    properties: Mapping[str, str]
    steps: Mapping[str, tuple[Transform, ...]] = made(default_factory=dict)
    types: Mapping[str, ValueType] = made(default_factory=dict)
    kinds: Mapping[str, ValueType] = made(default_factory=dict)

    @cached_property
    def fields(self) -> dict[str, str]:
        """The way back: CRM property → lead field."""
        return {name: field for field, name in self.properties.items()}

    @cached_property
    def fingerprint(self) -> str:
        """Hash of all that turns properties into lead values: a base made under another one is not used (R19).

        Fields whose property holds free text add only their names to it.
        """
        steps = [(name, [(s.kind.value, s.region, s.options) for s in taken]) for name, taken in self.steps.items()]
        kinds = [(name, self._kind(name).value) for name in sorted(self.properties) if not self._kind(name).is_free]
        mapped = [*sorted(self.properties.items()), *sorted(steps), *kinds]
        return hashlib.sha256(json.dumps(mapped).encode()).hexdigest()

    def to_crm(self, values: Mapping[str, str], spelling: Spelling = _CANONICAL) -> dict[str, str]:
        """Turn lead values into property values; a field that is not mapped (any more) is left out."""
        return {
            self.properties[name]: self._written(name, value, spelling)
            for name, value in values.items()
            if name in self.properties
        }

    def readings(
        self,
        properties: Mapping[str, str | None],
        versions: Mapping[str, tuple[Version, ...]] | None = None,
        spelling: Spelling = _CANONICAL,
    ) -> tuple[Reading, ...]:
        """Turn properties into readings: a null is a blank, a property that is missing is unknown (R19)."""
        history = versions or {}
        return tuple(
            self._reading(field, properties[name] or "", history.get(name, ()), spelling)
            for field, name in self.properties.items()
            if name in properties
        )

    def missing_in(self, properties: Iterable[str]) -> tuple[str, ...]:
        """Lead fields whose property is not among these, sorted."""
        return self.fields_of(self.fields.keys() - set(properties))

    def fields_of(self, names: Iterable[str]) -> tuple[str, ...]:
        """Lead fields of these properties, sorted; unmapped ones are left out."""
        return tuple(sorted(self.fields[name] for name in names if name in self.fields))

    def _reading(self, field: str, crm: str, versions: Iterable[Version], spelling: Spelling) -> Reading:
        past = (replace(version, value=self._read(field, version.crm, spelling)) for version in versions)
        return Reading(field, crm, self._read(field, crm, spelling), tuple(past))

    def _read(self, field: str, crm: str, spelling: Spelling) -> str:
        return transforms.to_platform(self.steps.get(field, ()), spelling.read(self._kind(field), crm))

    def _written(self, field: str, value: str, spelling: Spelling) -> str:
        return spelling.write(self._kind(field), transforms.to_crm(self.steps.get(field, ()), value))

    def _kind(self, field: str) -> ValueType:
        return self.kinds.get(field, ValueType.TEXT)


@dataclass(frozen=True, slots=True)
class CrmField:
    """One property of the CRM; `options` are (value, label), none = any value. A `caveat` is about writing it.

    `type` is the CRM's own word, `kind` says the same in ours.
    """

    property: str
    label: str = ""
    type: str = ""
    read_only: bool = False
    options: tuple[tuple[str, str], ...] = ()
    hidden_options: frozenset[str] = frozenset()
    caveat: str = ""
    kind: ValueType = ValueType.TEXT
    object: str = ""


def kinds_of(mapping: FieldMapping, known: Iterable[CrmField]) -> dict[str, ValueType]:
    """Give the kind of each mapped field's property, as far as it is known."""
    kinds = {found.property: found.kind for found in known}
    return {field: kinds[name] for field, name in mapping.properties.items() if name in kinds}


@dataclass(frozen=True, slots=True)
class Limits:
    """The longest name of a property, and the longest option of one, in characters."""

    property_name: int
    option: int


def check(properties: Mapping[str, str], limits: Limits) -> FieldMapping:
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
        if not name or len(name) > limits.property_name:
            longest = limits.property_name
            raise _invalid(field, f"Name the property by its internal name, 1 to {longest} characters.")
        if name in taken:
            raise _invalid(field, f"`{taken[name]}` is mapped onto property `{name}` already.")
        taken[name] = field
    return FieldMapping(dict(sorted(properties.items())))


def check_transforms(
    steps: Mapping[str, tuple[Transform, ...]], mapping: FieldMapping, limits: Limits
) -> Mapping[str, tuple[Transform, ...]]:
    """Check the steps that a person gave: for mapped fields, and with a way back.

    Raises:
        InvalidError: `invalid_field_transforms` with the path of the first that cannot be right.

    """
    for field, taken in sorted(steps.items()):
        path = f"field_transforms.{field[:80]}"
        if field not in mapping.properties:
            message = f"`{field[:80]}` is not mapped, so that there is nothing to transform."
            raise InvalidError("invalid_field_transforms", message, field=path)
        transforms.check_steps(path, taken, limits.option)
    tables = (pair for taken in steps.values() for step in taken for pair in step.options)
    if sum(len(crm) + len(value) for crm, value in tables) > transforms.MAX_TABLES:
        message = f"All tables of options together have {transforms.MAX_TABLES:,} characters at most."
        raise InvalidError("invalid_field_transforms", message, field="field_transforms")
    return steps


def _invalid(field: str, message: str) -> InvalidError:
    path = f"field_mapping.{field}" if field else "field_mapping"
    return InvalidError("invalid_field_mapping", message, field=path)
