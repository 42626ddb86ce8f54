"""The properties of contacts: our two marks, and whether a mapping can work."""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any

import msgspec

from crm_connector.crm import Schema
from crm_connector.domain.errors import CrmRejectedError, InvalidError, PreconditionError
from crm_connector.domain.fitting import check_fit
from crm_connector.domain.mapping import CrmField, FieldMapping, kinds_of
from crm_connector.domain.values import ValueType
from crm_connector.providers.hubspot.client import HubSpotClient
from crm_connector.providers.hubspot.contacts import LEAD_MARK, OBJECT, SOURCE_MARK
from crm_connector.providers.hubspot.definitions import Option, Properties, Property, properties_of
from crm_connector.providers.hubspot.errors import is_conflict
from crm_connector.providers.hubspot.spelling import kind_of

_GROUP = "contactinformation"
_CAVEATS = {  # HubSpot's guide to the contacts API
    "lifecyclestage": "HubSpot moves `lifecyclestage` forward only and ignores a step back; let it flow from_crm only.",
}
_SOURCES = {"jazzaam": "Your Platform", "hubspot": "HubSpot CRM", "manual": "Manual Entry"}


@dataclass(frozen=True, slots=True)
class PropertySetup:
    """Sets up one account; `platform` is an option of the origin mark."""

    client: HubSpotClient
    platform: str

    def prepare(self, mapping: FieldMapping, written: Set[str]) -> dict[str, ValueType]:
        """Check the mapping, then make sure that both marks are there: the kind of each field's property. Repeatable.

        Raises:
            InvalidError: `invalid_field_mapping` or `invalid_field_transforms`, naming each field that cannot work.
            PreconditionError: `property_conflict`, if a mark exists and is of another kind.

        """
        known = self._definitions()
        fields = _fields(known)
        for field, name in mapping.properties.items():
            if name in (LEAD_MARK, SOURCE_MARK):
                message = f"Property `{name}` is leadsync's own mark. Map another one."
                raise InvalidError("invalid_field_mapping", message, field=f"field_mapping.{field}")
        check_fit(mapping, fields, written)
        for name, wanted in _wrong_marks(known).items():
            raise PreconditionError("property_conflict", _conflict(name, wanted))
        if LEAD_MARK not in known:
            known = self._create(_lead_mark(), known)
        if SOURCE_MARK not in known:
            known = self._create(_source_mark(self._options()), known)
        if missing := self._missing_options(known[SOURCE_MARK]):
            body = {"options": msgspec.to_builtins([*known[SOURCE_MARK].options, *missing])}
            self.client.call("PATCH", self.client.paths.properties(SOURCE_MARK), json=body)
        return kinds_of(mapping, fields)

    def schema(self) -> Schema:
        """Read the properties that may be mapped, and look at our marks."""
        known = self._definitions()
        wrong = _wrong_marks(known)
        found = [f"HubSpot has no contact property `{name}`." for name in (LEAD_MARK, SOURCE_MARK) if name not in known]
        found += [_conflict(name, wanted) for name, wanted in wrong.items()]
        if SOURCE_MARK in known and SOURCE_MARK not in wrong:
            values = [option.value for option in self._missing_options(known[SOURCE_MARK])]
            found += [f"Property `{SOURCE_MARK}` lacks the options {', '.join(values)}."] if values else []
        return Schema(_fields(known), tuple(found))

    def _definitions(self) -> dict[str, Property]:
        return properties_of(self.client.call("GET", self.client.paths.properties()).as_(Properties))

    def _create(self, definition: dict[str, Any], known: dict[str, Property]) -> dict[str, Property]:
        """Create a property; if somebody else just has, use that one."""
        try:
            answer = self.client.call("POST", self.client.paths.properties(), json=definition)
        except CrmRejectedError as error:
            again = self._definitions() if is_conflict(error.category, error.status) else {}
            if definition["name"] not in again:  # it was refused, or is of a form that cannot be read
                raise
            return again
        created = answer.as_(Property)
        return known | {created.name: created}

    def _missing_options(self, found: Property) -> list[Option]:
        values = {option.value for option in found.options}
        return [option for option in self._options() if option.value not in values]

    def _options(self) -> list[Option]:
        labels = _SOURCES if self.platform in _SOURCES else _SOURCES | {self.platform: self.platform}
        return [Option(label, value, display_order=order) for order, (value, label) in enumerate(labels.items())]


def _fields(known: Mapping[str, Property]) -> tuple[CrmField, ...]:
    """Properties that a lead field may be mapped to, by name."""
    return tuple(
        CrmField(
            *(p.name, p.label, p.type, p.read_only),
            options=tuple((o.value, o.label) for o in p.options if not o.hidden),
            hidden_options=frozenset(o.value for o in p.options if o.hidden),
            caveat=_CAVEATS.get(name, ""),
            kind=kind_of(p.type, p.field_type),
            object=OBJECT,
        )
        for name, p in sorted(known.items())
        if name not in (LEAD_MARK, SOURCE_MARK)
    )


def _wrong_marks(known: Mapping[str, Property]) -> dict[str, str]:
    """Find marks of ours that are of the wrong kind: name → the kind that is needed.

    The lead mark must be unique: an upsert finds its record by it. HubSpot cannot change that afterwards.
    """
    lead, source = known.get(LEAD_MARK), known.get(SOURCE_MARK)
    wrong = {}
    if lead is not None and (lead.type != "string" or not lead.has_unique_value):
        wrong[LEAD_MARK] = "a single-line text with unique values"
    if source is not None and source.type != "enumeration":
        wrong[SOURCE_MARK] = "a dropdown select"
    return wrong


def _conflict(name: str, wanted: str) -> str:
    return (
        f"HubSpot has a contact property `{name}` of another kind. It has to be {wanted}: "
        "delete or rename it in HubSpot under Settings > Properties, then connect again."
    )


def _lead_mark() -> dict[str, Any]:
    return {
        "name": LEAD_MARK,
        "label": "Leadsync lead id",
        "description": "Ties this contact to its lead. Do not edit.",
        "groupName": _GROUP,
        "type": "string",
        "fieldType": "text",
        "hasUniqueValue": True,
        "formField": False,
    }


def _source_mark(options: list[Option]) -> dict[str, Any]:
    return {
        "name": SOURCE_MARK,
        "label": "Lead source system",
        "description": "Where this lead was created.",
        "groupName": _GROUP,
        "type": "enumeration",
        "fieldType": "select",
        "options": msgspec.to_builtins(options),
        "formField": False,
    }
