"""How HubSpot writes values, and which kinds its properties are.

Dates come as `2026-11-29` or as midnight UTC in milliseconds, times as ISO 8601 or in milliseconds, several choices
joined with `;`; numbers and booleans are texts (HubSpot, "Properties"). It takes the canonical text of every kind.
"""

import re
from datetime import UTC, datetime, timedelta

from crm_connector.domain.values import ValueType, canonical

_MILLISECONDS = re.compile(r"-?\d{1,15}", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_MS = 86_400_000
_KINDS = {
    "number": ValueType.NUMBER,
    "bool": ValueType.BOOLEAN,
    "date": ValueType.DATE,
    "datetime": ValueType.DATETIME,
    "enumeration": ValueType.CHOICE,
}


class HubSpotSpelling:
    """Turns HubSpot's values into canonical text and back."""

    def read(self, kind: ValueType, text: str) -> str:
        """Give the canonical text; what is no value of this kind stays as it is."""
        if kind not in {ValueType.DATE, ValueType.DATETIME} or not _MILLISECONDS.fullmatch(text):
            return canonical(kind, text)
        if kind is ValueType.DATE and int(text) % _DAY_MS:
            return text  # no midnight, and so no day
        try:
            moment = _EPOCH + timedelta(milliseconds=int(text))
        except OverflowError:
            return text
        return canonical(kind, moment.isoformat(timespec="milliseconds"))

    def write(self, kind: ValueType, text: str) -> str:
        """Give what HubSpot takes."""
        return canonical(kind, text)


def kind_of(property_type: str, field_type: str) -> ValueType:
    """Give the kind of a property: of choices, a set of checkboxes takes several."""
    kind = _KINDS.get(property_type, ValueType.TEXT)
    return ValueType.MULTI_CHOICE if kind is ValueType.CHOICE and field_type == "checkbox" else kind
