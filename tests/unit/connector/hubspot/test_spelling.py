"""How HubSpot writes values."""

import pytest
from crm_connector.domain.values import ValueType
from crm_connector.providers.hubspot.spelling import HubSpotSpelling, kind_of
from hypothesis import given
from hypothesis import strategies as st

SPELLING = HubSpotSpelling()


@pytest.mark.parametrize(
    ("kind", "crm", "value"),
    [
        (ValueType.DATE, "1795910400000", "2026-11-29"),
        (ValueType.DATE, "2026-11-29", "2026-11-29"),
        (ValueType.DATE, "1795910400001", "1795910400001"),
        (ValueType.DATE, "-86400000", "1969-12-31"),
        (ValueType.DATETIME, "1795964645123", "2026-11-29T15:04:05.123Z"),
        (ValueType.DATETIME, "2026-11-29T15:04:05.469Z", "2026-11-29T15:04:05.469Z"),
        (ValueType.DATETIME, "999999999999999", "999999999999999"),
        (ValueType.NUMBER, "1.0E7", "10000000"),
        (ValueType.NUMBER, "1795910400000", "1795910400000"),
        (ValueType.BOOLEAN, "true", "true"),
        (ValueType.MULTI_CHOICE, "b;a", "a;b"),
        (ValueType.TEXT, "1795910400000", "1795910400000"),
    ],
)
def test_values_are_read(kind: ValueType, crm: str, value: str) -> None:
    """Days are midnights in milliseconds or ISO, times milliseconds or ISO; what is neither stays as it is."""
    assert SPELLING.read(kind, crm) == value


@given(st.sampled_from(ValueType), st.text(max_size=20) | st.integers(-(10**14), 10**14).map(str))
def test_what_is_written_reads_as_the_same_value(kind: ValueType, crm: str) -> None:
    """L3, L4: a value that was read and is written back comes back as no change."""
    value = SPELLING.read(kind, crm)

    assert SPELLING.read(kind, SPELLING.write(kind, value)) == value


def test_the_kind_of_a_property() -> None:
    """Only checkboxes take several choices; types that we do not know hold text."""
    kinds = [kind_of("enumeration", "checkbox"), kind_of("enumeration", "select"), kind_of("bool", "booleancheckbox")]

    assert kinds == [ValueType.MULTI_CHOICE, ValueType.CHOICE, ValueType.BOOLEAN]
    assert [kind_of(name, "text") for name in ("phone_number", "json", "")] == [ValueType.TEXT] * 3
