"""Canonical text of values by type."""

import pytest
from crm_connector.domain.values import ValueType, canonical
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        (ValueType.NUMBER, " +012.50 ", "12.5"),
        (ValueType.NUMBER, "1e3", "1000"),
        (ValueType.NUMBER, "-0.0", "0"),
        (ValueType.NUMBER, "0.10", "0.1"),
        (ValueType.NUMBER, "12345678901234567890.1", "12345678901234567890.1"),
        (ValueType.BOOLEAN, "TRUE", "true"),
        (ValueType.DATE, "2026-11-29", "2026-11-29"),
        (ValueType.DATE, "2026-11-29T23:30:00-01:00", "2026-11-30"),
        (ValueType.DATETIME, "2026-11-29T15:04:05Z", "2026-11-29T15:04:05.000Z"),
        (ValueType.DATETIME, "2026-11-29T15:04:05.1234+0100", "2026-11-29T14:04:05.123Z"),
        (ValueType.DATETIME, "2026-11-29", "2026-11-29T00:00:00.000Z"),
        (ValueType.MULTI_CHOICE, " b; a;;b", "a;b"),
        (ValueType.CHOICE, " b;a", " b;a"),
        (ValueType.TEXT, " 12.50 ", " 12.50 "),
    ],
)
def test_the_canonical_form(kind: ValueType, text: str, expected: str) -> None:
    """Each type has one text per value; free texts keep their spelling."""
    assert canonical(kind, text) == expected


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        *((ValueType.NUMBER, "12,5"), (ValueType.NUMBER, "1e9999"), (ValueType.NUMBER, "")),
        *((ValueType.BOOLEAN, "yes"), (ValueType.DATE, "2026-02-30"), (ValueType.DATE, "29.11.2026")),
        *((ValueType.DATETIME, "2026-11-29T15:04:05"), (ValueType.DATETIME, "0001-01-01T00:00:00+23:59")),
    ],
)
def test_what_is_not_of_the_type_stays_as_it_is(kind: ValueType, text: str) -> None:
    """Nothing is guessed and nothing is lost."""
    assert canonical(kind, text) == text


@given(st.sampled_from(ValueType), st.text() | st.from_regex(r"[-+0-9.eE;: TZ]{0,20}", fullmatch=True))
def test_canonical_text_is_stable(kind: ValueType, text: str) -> None:
    """L3: what was made canonical once is the same the second time."""
    once = canonical(kind, text)

    assert canonical(kind, once) == once
