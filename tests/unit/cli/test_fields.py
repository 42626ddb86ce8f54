"""Giving custom fields of leads a type, and values of such fields."""

import json
import subprocess
from collections.abc import Callable

import pytest
from unit.cli.fake_gateway import FakeGateway, Json

Run = Callable[..., subprocess.CompletedProcess[str]]


def field(name: str, kind: str, *options: str, standard: bool = False) -> Json:
    """One field as the gateway shows it."""
    return {"name": name, "label": name.title(), "type": kind, "options": list(options), "standard": standard}


def test_fields_are_listed_with_their_types(gateway: FakeGateway, leadsync: Run) -> None:
    """`fields list` shows a line per field; --json gives the gateway's answer."""
    page = {"leadFields": [field("email", "email", standard=True), field("heat", "choice", "hot", "cold")]}
    gateway.on("GET", "/lead-fields", 200, page)

    listed, raw = leadsync("fields", "list"), leadsync("fields", "list", "--json")

    assert [line.split() for line in listed.stdout.splitlines()[1:]] == [
        ["email", "Email", "email", "yes"],
        ["heat", "Heat", "choice", "hot,", "cold", "no"],
    ]
    assert json.loads(raw.stdout) == page


def test_a_field_gets_a_type(gateway: FakeGateway, leadsync: Run) -> None:
    """`fields set` sends label, type and options; without a label, the name is the label."""
    gateway.on("PUT", "/lead-fields/revenue", 200, field("revenue", "number"))
    gateway.on("PUT", "/lead-fields/heat", 200, field("heat", "choice", "hot", "cold"))

    number = leadsync("fields", "set", "revenue", "--type", "number")
    options = ("--option", "hot", "--option", "cold")
    choice = leadsync("fields", "set", "heat", "--type", "choice", "--label", "Warmth", *options, "--json")

    assert [one.sent for one in gateway.requests] == [
        {"label": "revenue", "type": "number"},
        {"label": "Warmth", "type": "choice", "options": ["hot", "cold"]},
    ]
    assert ["type", "number"] in [line.split() for line in number.stdout.splitlines()]
    assert json.loads(choice.stdout) == field("heat", "choice", "hot", "cold")


def test_an_unknown_type_is_refused_before_anything_is_sent(gateway: FakeGateway, leadsync: Run) -> None:
    """Nothing is sent for an unknown or a missing type; the usage names the types."""
    unknown, missing = leadsync("fields", "set", "revenue", "--type", "money"), leadsync("fields", "set", "revenue")

    assert (unknown.returncode, missing.returncode, gateway.requests) == (2, 2, [])
    assert "multi_choice" in unknown.stderr


def test_a_field_is_removed(gateway: FakeGateway, leadsync: Run) -> None:
    """`fields remove` forgets the type, and says so."""
    gateway.on("DELETE", "/lead-fields/revenue", 204, {})

    result = leadsync("fields", "remove", "revenue", "--json")

    assert (result.returncode, json.loads(result.stdout)) == (0, {"name": "customFields.revenue", "removed": True})


def test_a_refusal_names_what_is_wrong(gateway: FakeGateway, leadsync: Run) -> None:
    """The error shows the path of a wrong option."""
    faults = [{"field": "options[1]", "message": "is there twice"}]
    gateway.on("PUT", "/lead-fields/heat", 400, {"reason": "invalid_field", "detail": "a fault", "errors": faults})

    result = leadsync("fields", "set", "heat", "--type", "choice", "--option", "hot", "--option", "hot")

    assert result.returncode == 2
    assert "options[1]: is there twice" in result.stderr


def test_a_name_may_be_copied_from_the_list(gateway: FakeGateway, leadsync: Run) -> None:
    """The list shows `customFields.revenue`; it is the same field as `revenue`."""
    gateway.on("PUT", "/lead-fields/revenue", 200, field("customFields.revenue", "number"))
    gateway.on("DELETE", "/lead-fields/revenue", 204, {})
    gateway.on("POST", "/leads", 200, {"id": "1"})

    leadsync("fields", "set", "customFields.revenue", "--type", "number")
    leadsync("fields", "remove", "customFields.revenue")
    leadsync("leads", "create", "--custom", "customFields.revenue=5")

    put, delete, post = gateway.requests
    assert (put.sent["label"], put.path == delete.path, post.sent["customFields"]) == (
        "revenue",
        True,
        {"revenue": "5"},
    )


@pytest.mark.parametrize("command", [("create",), ("update", "1")], ids=lambda command: str(command[0]))
def test_values_of_typed_fields_are_sent_as_texts(
    gateway: FakeGateway, leadsync: Run, command: tuple[str, ...]
) -> None:
    """The gateway accepts text for any type, so the command line needs no types; answers are shown as they are."""
    values = {"revenue": 12.5, "partner": True, "heat": ["cold", "hot"]}
    for method, path in (("POST", "/leads"), ("PATCH", "/leads/1")):
        gateway.on(method, path, 200, {"id": "1", "customFields": values})

    custom = ("--custom", "revenue=12.50", "--custom", "partner=true", "--custom", "heat=hot;cold")
    result = leadsync("leads", *command, "--email", "a@x.org", *custom)

    sent = {"revenue": "12.50", "partner": "true", "heat": "hot;cold"}
    assert [one.sent["customFields"] for one in gateway.requests] == [sent]
    shown = [line.split() for line in result.stdout.splitlines()]
    assert shown[-3:] == [["revenue", "12.5"], ["partner", "yes"], ["heat", "cold,", "hot"]]


def test_a_conflict_of_several_choices_is_shown(gateway: FakeGateway, leadsync: Run) -> None:
    """The values of a conflict may be lists, numbers and booleans."""
    conflict = {
        "leadId": "1",
        "integrationId": "i1",
        "field": "heat",
        "ours": ["cold", "hot"],
        "theirs": [],
        "etag": "e",
    }
    gateway.on("GET", "/conflicts", 200, {"conflicts": [conflict], "nextPageToken": None})
    gateway.on("POST", "/conflicts/resolve", 200, {"decisionId": "d"})

    result = leadsync("conflicts", "take", "1", "heat", "platform")

    shown = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert shown[:2] == ['platform "cold, hot"', "crm blank"]


def test_a_value_that_is_not_of_its_type_leads_to_the_list_of_types(gateway: FakeGateway, leadsync: Run) -> None:
    """The hint names the command that shows what a field takes."""
    faults = [{"field": "customFields.revenue", "message": "is no number"}]
    gateway.on("PATCH", "/leads/1", 400, {"reason": "not_a_number", "detail": "x", "errors": faults})

    result = leadsync("leads", "update", "1", "--custom", "revenue=much")

    assert result.returncode == 2
    assert "`leadsync fields list`" in result.stderr
