"""What is wrong with a request, in words for people."""

import pytest
from hostile import processor_seconds
from starlette.requests import Request
from webhook_gateway.http.requests import read, read_query
from webhook_gateway.problem import Problem
from webhook_gateway.resources.integrations import IntegrationChange
from webhook_gateway.rpc.names import CustomName


def faults_of(value: object, kind: object) -> dict[str, str]:
    """The wrong fields of a value, and why."""
    with pytest.raises(Problem) as caught:
        read(value, kind, "name")  # type: ignore[arg-type]  # an annotated text is a type too
    return {fault.field: fault.message for fault in caught.value.errors}


def test_a_name_of_another_form_is_explained_without_a_regular_expression() -> None:
    """The type's own description says what is expected, for a value as for the names of an object."""
    assert faults_of("ü", CustomName) == {"name": "must be 1 to 64 letters from A to Z, digits or underscores"}
    field, region = "must be a field of leads", "must be a country by ISO 3166-1, such as CH"
    wrong = {"fieldRules": {"first_name": {}}, "policies": {"matching": {"phoneRegion": "ch"}}}

    found = faults_of(wrong, IntegrationChange)

    assert found["name.fieldRules.first_name"].startswith(field)
    assert found["name.policies.matching.phoneRegion"] == region


def test_other_faults_keep_their_words() -> None:
    """A value of a wrong type does not get the description of a form."""
    assert faults_of(5, CustomName) == {"name": "Expected `str`, got `int`"}


def test_a_parameter_that_is_given_twice_is_named() -> None:
    """Only this one; parameters that are given once are fine."""
    request = Request({"type": "http", "query_string": b"pageSize=1&email=a&pageSize=2"})
    with pytest.raises(Problem) as caught:
        read_query(request)
    assert caught.value.detail == "pageSize: is given twice"


def _seconds(parameters: int) -> float:
    """The least time that it takes to refuse a query of so many parameters, one of which is given twice."""
    query = "&".join([*(f"a{number}=1" for number in range(parameters)), "a0=1"]).encode()

    def refuse() -> None:
        with pytest.raises(Problem):
            read_query(Request({"type": "http", "query_string": query}))

    return min(processor_seconds(refuse) for _ in range(5))


def test_many_parameters_take_no_square_of_time() -> None:
    """A head of 32 KiB has room for thousands of parameters: ten times as many take some ten times as long."""
    assert _seconds(6000) < 40 * _seconds(600)
