"""Definitions of properties as HubSpot shows them; unknown members are ignored, absent ones have defaults."""

import json
from contextlib import suppress

import msgspec

from crm_connector.providers.hubspot.wire import UNDECODABLE, without_nulls


class Option(msgspec.Struct, rename="camel", omit_defaults=False):
    """One option of an enumeration."""

    label: str = ""
    value: str = ""
    hidden: bool = False
    display_order: int = -1
    description: str | None = ""


class ValueRules(msgspec.Struct, rename="camel"):
    """Whether a property's value may be written."""

    read_only_value: bool = False


class Property(msgspec.Struct, rename="camel"):
    """Definition of a property."""

    name: str
    label: str = ""
    type: str = ""
    field_type: str = ""
    calculated: bool = False
    has_unique_value: bool = False
    options: list[Option] = []
    modification_metadata: ValueRules | None = None

    @property
    def read_only(self) -> bool:
        """Whether the API refuses values for it."""
        rules = self.modification_metadata
        return self.calculated or (rules is not None and rules.read_only_value)


class Properties(msgspec.Struct):
    """All property definitions of contacts. `properties_of` decodes them."""

    results: list[msgspec.Raw]


def properties_of(answer: Properties) -> dict[str, Property]:
    """Decode definitions one by one, by name: one of another form stops no other. Such a property counts as missing."""
    found = (_decoded(raw) for raw in answer.results)
    return {one.name: one for one in found if one is not None}


def _decoded(raw: msgspec.Raw) -> Property | None:
    """Decode a definition; what is null in it counts as absent, and a number in the place of a text as its text."""
    with suppress(*UNDECODABLE):
        return msgspec.json.decode(raw, type=Property, strict=False)
    with suppress(*UNDECODABLE):
        loose = json.loads(bytes(raw), parse_int=str, parse_float=str)
        return msgspec.convert(without_nulls(loose), Property, strict=False)
    return None
