"""Whatever a stranger sends, reading it takes the gateway no longer than a few plain loops over the text."""

import json
from collections.abc import Callable
from contextlib import suppress

import pytest
from hostile import SIZE, hostile_texts, is_slow
from webhook_gateway.http.requests import decode
from webhook_gateway.problem import Problem
from webhook_gateway.providers.hubspot.touches import parse
from webhook_gateway.resources.lead_values import JSON_TYPES, LeadValue, from_json
from webhook_gateway.rpc.names import contract_field, http_field, http_path, http_text

READERS: dict[str, Callable[[str], object]] = {
    "value": lambda text: [LeadValue.of_field(text, kind).to_json() for kind in JSON_TYPES],
    "choices": lambda text: from_json(text.replace(";", "").split("a") if "a" in text else text),
    "names": lambda text: (contract_field(text), http_field(text), http_path(text), http_text(text)),
    "event": lambda text: parse(
        json.dumps([{"objectId": 1, "portalId": text, "changeSource": text}]).encode(), frozenset()
    ),
}
NUMBERS = ("9" * SIZE, "0." + "9" * SIZE, "1e" + "9" * SIZE, "-" * SIZE)


@pytest.mark.parametrize("reader", READERS)
def test_no_text_makes_reading_slow(reader: str) -> None:
    """64 KiB of anything are read as a value, as the name of a field, and in an event."""
    slow = next((text for text in hostile_texts(("",)) if is_slow(lambda: _read(READERS[reader], text))), "")  # noqa: B023 - called at once
    assert slow[:40] == ""


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: number[:4])
def test_no_number_makes_reading_slow(number: str) -> None:
    """A JSON number may have 64 KiB of digits."""
    assert not is_slow(lambda: _read(lambda text: decode(f'{{"a": {text}}}'.encode()), number))


def _read(reader: Callable[[str], object], text: str) -> None:
    with suppress(Problem, ValueError, TypeError):  # a text may be refused, if only soon
        reader(text)
