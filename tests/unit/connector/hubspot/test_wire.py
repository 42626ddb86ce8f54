"""Contacts of another form than HubSpot documents."""

import msgspec
import pytest
from crm_connector.domain.errors import CrmUncertainError
from crm_connector.providers.hubspot.client import Answer
from crm_connector.providers.hubspot.wire import (
    AccountDetails,
    Batch,
    OAuthInfo,
    OAuthTokens,
    SearchAnswer,
    Subscriptions,
    TokenInfo,
    contact_of,
    contacts_of,
)


def _raw(text: str) -> msgspec.Raw:
    return msgspec.Raw(text.encode())


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("12", "12"),
        ("12.50", "12.50"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("true", "true"),
        ("false", "false"),
        ('"12"', "12"),
        ("null", None),
    ],
)
def test_a_value_that_is_no_text_is_read_as_it_was_written(value: str, text: str | None) -> None:
    """Numbers keep every digit, also in the history and as an id."""
    history = f'{{"p": [{{"timestamp": "2026-11-29T10:00:00Z", "value": {value}, "sourceId": 7}}]}}'
    contact = contact_of(_raw(f'{{"id": 71, "properties": {{"p": {value}}}, "propertiesWithHistory": {history}}}'))

    assert (contact.id, contact.properties) == ("71", {"p": text})
    assert contact.properties_with_history is not None
    assert [version.value for version in contact.properties_with_history["p"]] == [text]


@pytest.mark.parametrize(
    ("bad", "record_id"),
    [
        ('{"id": "2", "properties": {"p": ["1"]}}', "2"),
        ('{"id": 2, "properties": {"p": {"a": 1}}}', "2"),
        ('{"id": "2", "properties": 7}', "2"),
        ('{"id": "2", "updatedAt": "yesterday"}', "2"),
        ('{"id": null}', ""),
        ('{"id": true}', ""),
        ('{"id": " 2"}', ""),
        ('{"id": 2.5}', ""),
        ('{"id": ""}', ""),
        ('{"properties": {}}', ""),
        ("[]", ""),
        ("null", ""),
        ("7", ""),
        ('"text"', ""),
        ("[" * 100_000 + "]" * 100_000, ""),
    ],
)
def test_one_contact_of_another_form_stops_no_other(bad: str, record_id: str) -> None:
    """Contacts are decoded one by one; of those that are of another form, the ids are known as far as they show."""
    contacts, ids = contacts_of([_raw('{"id": "1"}'), _raw(bad), _raw('{"id": "3"}')])

    assert [contact.id for contact in contacts] == ["1", "3"]
    assert ids == [record_id]


@pytest.mark.parametrize("rest", ['"updatedAt": "\\ud83d", "properties": {"p": 5}', '"properties": {"p": "\\ud83d"}'])
def test_a_contact_with_half_of_an_emoji_is_known_by_its_id(rest: str) -> None:
    """A text that was cut off in the middle of a character stops neither other contacts nor the page."""
    whole = '{"id": "2", "properties": {}}'

    contacts, bad = contacts_of([_raw(f'{{"id": "1", {rest}}}'), _raw(whole)])

    assert ([contact.id for contact in contacts], bad) == (["2"], ["1"])


def test_null_properties_are_not_empty_properties() -> None:
    """Null is not the same as no values: nothing is known of the values then."""
    assert contact_of(_raw('{"id": "1", "properties": null}')).properties is None
    assert contact_of(_raw('{"id": "1", "properties": {}}')).properties == {}


@pytest.mark.parametrize(
    ("kind", "body", "without"),
    [
        (OAuthTokens, b'{"access_token":"a","refresh_token":null,"expires_in":null}', b'{"access_token":"a"}'),
        (OAuthInfo, b'{"hub_id":1,"app_id":null,"scopes":null}', b'{"hub_id":1}'),
        (TokenInfo, b'{"hubId":1,"appId":null,"scopes":null}', b'{"hubId":1}'),
        (AccountDetails, b'{"timeZone":null}', b"{}"),
        (
            Subscriptions,
            b'{"results":[{"id":1,"eventType":"contact.creation","active":null},null]}',
            b'{"results":[{"id":1,"eventType":"contact.creation"}]}',
        ),
        (
            SearchAnswer,
            b'{"results":[{"id":1}],"total":null,"paging":{"next":null}}',
            b'{"results":[{"id":1}],"paging":{}}',
        ),
        (Batch, b'{"results":[{"id":1}],"errors":null}', b'{"results":[{"id":1}]}'),
    ],
)
def test_a_null_in_an_answer_counts_as_absent(kind: type[object], body: bytes, without: bytes) -> None:
    """It has the default of what is left out."""
    assert Answer(200, body).as_(kind) == Answer(200, without).as_(kind)


@pytest.mark.parametrize("body", [b"[]", b"7", b'{"results":null}', b'{"results":[{"id":"1"}],"paging":7}'])
def test_an_answer_of_another_form_is_no_answer(body: bytes) -> None:
    """What HubSpot did is not known."""
    with pytest.raises(CrmUncertainError):
        Answer(200, body).as_(SearchAnswer)
