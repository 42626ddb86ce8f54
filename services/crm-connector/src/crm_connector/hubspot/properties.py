"""The properties of contacts: our two marks, and whether a mapping can work."""

from dataclasses import dataclass
from typing import Any

import msgspec

from crm_connector.domain.errors import CrmRejectedError, InvalidError, PreconditionError
from crm_connector.domain.mapping import FieldMapping
from crm_connector.hubspot.client import HubSpotClient
from crm_connector.hubspot.contacts import LEAD_MARK, SOURCE_MARK
from crm_connector.hubspot.errors import is_conflict
from crm_connector.hubspot.wire import Option, Properties, Property

_GROUP = "contactinformation"
_SOURCES = {"jazzaam": "Your Platform", "hubspot": "HubSpot CRM", "manual": "Manual Entry"}


@dataclass(frozen=True, slots=True)
class PropertySetup:
    """Sets up one account; `platform` is an option of the origin mark."""

    client: HubSpotClient
    platform: str

    def prepare(self, mapping: FieldMapping, *, writes: bool) -> None:
        """Check the mapping, then make sure that both marks are there. Repeatable.

        Raises:
            InvalidError: `invalid_field_mapping` with the path of the field whose property cannot be used.
            PreconditionError: `property_conflict`, if a mark exists and is of another kind.

        """
        known = self._definitions()
        for field, name in mapping.properties.items():
            _check_property(field, name, known.get(name), writes=writes)
        if LEAD_MARK not in known:
            known = self._create(_lead_mark(), known)
        _check_lead_mark(known[LEAD_MARK])
        if SOURCE_MARK not in known:
            known = self._create(_source_mark(self._options()), known)
        self._check_source_mark(known[SOURCE_MARK])

    def _definitions(self) -> dict[str, Property]:
        answer = self.client.call("GET", self.client.paths.properties()).as_(Properties)
        return {definition.name: definition for definition in answer.results}

    def _create(self, definition: dict[str, Any], known: dict[str, Property]) -> dict[str, Property]:
        """Create a property; if somebody else just did, take theirs."""
        try:
            answer = self.client.call("POST", self.client.paths.properties(), json=definition)
        except CrmRejectedError as error:
            if not is_conflict(error.category, error.status):
                raise
            return self._definitions()
        created = answer.as_(Property)
        return known | {created.name: created}

    def _check_source_mark(self, found: Property) -> None:
        """Add the options that are missing, keeping those that are there."""
        if found.type != "enumeration":
            raise _conflict(SOURCE_MARK, "a dropdown select")
        values = {option.value for option in found.options}
        if missing := [option for option in self._options() if option.value not in values]:
            body = {"options": msgspec.to_builtins([*found.options, *missing])}
            self.client.call("PATCH", self.client.paths.properties(SOURCE_MARK), json=body)

    def _options(self) -> list[Option]:
        labels = _SOURCES if self.platform in _SOURCES else _SOURCES | {self.platform: self.platform}
        return [Option(label, value, display_order=order) for order, (value, label) in enumerate(labels.items())]


def _check_property(field: str, name: str, found: Property | None, *, writes: bool) -> None:
    """Refuse a mapping that HubSpot would refuse later, record by record."""
    if name in (LEAD_MARK, SOURCE_MARK):
        problem = f"Property `{name}` is leadsync's own mark."
    elif found is None:
        problem = f"HubSpot has no contact property `{name}`. Create it there or map another one."
    elif writes and found.read_only:
        problem = f"HubSpot calculates property `{name}`, so it cannot be written. Map another one."
    else:
        return
    raise InvalidError("invalid_field_mapping", problem, field=f"field_mapping.{field}")


def _check_lead_mark(found: Property) -> None:
    """The mark must be unique: an upsert finds its record by it. HubSpot cannot change that afterwards."""
    if found.type != "string" or not found.has_unique_value:
        raise _conflict(LEAD_MARK, "a single-line text with unique values")


def _conflict(name: str, wanted: str) -> PreconditionError:
    message = (
        f"HubSpot has a contact property `{name}` of another kind. It has to be {wanted}: "
        "delete or rename it in HubSpot under Settings > Properties, then connect again."
    )
    return PreconditionError("property_conflict", message)


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
