"""Values of custom fields, between JSON and the texts of the contracts."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from webhook_gateway.http.requests import decode, read
from webhook_gateway.resources.lead_values import JsonType, LeadValue, encode_hook


class Body(msgspec.Struct):
    """A body with one value."""

    value: LeadValue


def _read(json: str) -> LeadValue:
    return read(decode(f'{{"value":{json}}}'.encode()), Body).value


def _shown(text: str, field_type: str) -> str:
    return msgspec.json.encode(LeadValue.of_field(text, field_type), enc_hook=encode_hook).decode()


@pytest.mark.parametrize(
    ("json", "json_type", "text"),
    [
        ('"a;b"', JsonType.TEXT, "a;b"),
        ("1", JsonType.NUMBER, "1"),
        ("1.50", JsonType.NUMBER, "1.5"),
        ("0.1234567890123456789", JsonType.NUMBER, "0.1234567890123456789"),
        ("1e400", JsonType.NUMBER, "1E+400"),
        ("18446744073709551616", JsonType.NUMBER, "18446744073709551616"),
        ("true", JsonType.BOOLEAN, "true"),
        ("[]", JsonType.CHOICES, ""),
        ('["b","a"]', JsonType.CHOICES, "b;a"),
    ],
)
def test_json_becomes_text(json: str, json_type: JsonType, text: str) -> None:
    """Every JSON value that can be a value of a field has its text, a number with all its digits."""
    value = _read(json)
    assert (value.json_type, value.text) == (json_type, text)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=12))
def test_numbers_keep_their_digits(number: Decimal) -> None:
    """A number has the same value on its way in and out, however many digits it has."""
    text = f"{number:f}"
    assert Decimal(_read(text).text) == number
    assert Decimal(_shown(text, "number")) == number


@pytest.mark.parametrize(
    ("text", "field_type", "json"),
    [
        ("12.5", "number", "12.5"),
        ("-0.001", "number", "-0.001"),
        ("12.5", "text", '"12.5"'),
        ("true", "boolean", "true"),
        ("true", "text", '"true"'),
        ("a;b", "multi_choice", '["a","b"]'),
        ("a;b", "choice", '"a;b"'),
        ("2026-11-29", "date", '"2026-11-29"'),
        ("+5", "number", '"+5"'),
        ("007", "number", '"007"'),
        ("1]", "number", '"1]"'),
        ("yes", "boolean", '"yes"'),
    ],
)
def test_text_becomes_json(text: str, field_type: str, json: str) -> None:
    """A text is written as its field's type is; one that is not of the type stays a text."""
    assert _shown(text, field_type) == json
