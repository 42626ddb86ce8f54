"""Definitions of properties, also those of another form than HubSpot documents."""

import msgspec
import pytest
from crm_connector.providers.hubspot.definitions import Option, Properties, properties_of

PLAIN = {"name": "phone", "type": "string", "fieldType": "phonenumber"}
COLOUR = {"name": "colour", "type": "enumeration", "fieldType": "select"}
RED = {"label": "Red", "value": "red", "displayOrder": 0, "hidden": False}


def _answer(*definitions: object) -> Properties:
    return msgspec.json.decode(msgspec.json.encode({"results": definitions}), type=Properties)


@pytest.mark.parametrize(
    "change",
    [
        {"label": None},
        {"calculated": None},
        {"hasUniqueValue": None},
        {"modificationMetadata": {"readOnlyValue": None}},
        {"options": [RED | {"displayOrder": None}]},
        {"options": [RED | {"hidden": None}]},
        {"options": [None, RED]},
    ],
)
def test_what_is_null_counts_as_absent(change: dict[str, object]) -> None:
    """The property can be mapped all the same."""
    (found,) = properties_of(_answer(COLOUR | {"options": [RED]} | change)).values()

    assert [(option.value, option.label, option.hidden) for option in found.options] == [("red", "Red", False)]
    assert (found.type, found.read_only, found.has_unique_value) == ("enumeration", False, False)


def test_options_may_be_numbers_or_null() -> None:
    """Numbers count as their texts, and no options as none."""
    found = properties_of(_answer(COLOUR | {"options": [{"label": 1, "value": 1.50}]}, PLAIN | {"options": None}))

    assert (found["colour"].options, found["phone"].options) == ([Option("1", "1.5")], [])


@pytest.mark.parametrize("bad", [{"label": "No name"}, 7, None, PLAIN | {"options": "red"}])
def test_a_definition_of_another_form_stops_no_other(bad: object) -> None:
    """It counts as missing."""
    assert list(properties_of(_answer(bad, COLOUR))) == ["colour"]


@pytest.mark.parametrize("bad", [b'{"name":[],"x":"\xff"}', b'{"name":[],"x":' + b"[" * 900 + b"]" * 900 + b"}"])
def test_a_definition_that_cannot_be_decoded_stops_no_other(bad: bytes) -> None:
    """Neither a text that is not UTF-8 nor lists in lists end the reading of all definitions."""
    answer = b'{"results":[' + bad + b"," + msgspec.json.encode(COLOUR) + b"]}"

    assert list(properties_of(msgspec.json.decode(answer, type=Properties))) == ["colour"]
