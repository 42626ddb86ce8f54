"""HubSpot's error bodies, as recorded or documented, and what we make of them."""

import json

import pytest
from crm_connector.domain.errors import (
    AuthFailedError,
    CrmRejectedError,
    CrmUnavailableError,
    CrmUncertainError,
    MissingScopesError,
    RateLimitedError,
)
from crm_connector.providers.hubspot.errors import error_of, existing_id, is_conflict, parse_problem

CONTACT_EXISTS = '{"status":"error","message":"Contact already exists. Existing ID: 12345","category":"CONFLICT"}'
CONTACT_EXISTS_V1 = json.dumps(
    {
        "status": "error",
        "category": "OBJECT_ALREADY_EXISTS",
        "error": "CONTACT_EXISTS",
        "identityProfile": {"vid": 1},
        "errors": [{"message": "A contact with email ada@example.com already exists. Existing ID: 678", "in": "email"}],
    }
)
TEN_SECONDS = (
    '{"status":"error","message":"You have reached your ten_secondly_rolling limit.","errorType":"RATE_LIMIT",'
    '"correlationId":"...","policyName":"TEN_SECONDLY_ROLLING","groupName":"publicapi:x:6748263"}'
)
DAILY = (
    '{"status":"error","message":"You have reached your daily limit.","errorType":"RATE_LIMIT","correlationId":"...",'
    '"policyName":"DAILY","requestId":"..."}'
)
SECOND = '{"status":"error","message":"You have reached your secondly limit.","category":"RATE_LIMITS"}'
MISSING_SCOPES = json.dumps(
    {
        "status": "error",
        "category": "MISSING_SCOPES",
        "message": "This app hasn't been granted all required scopes to make this call.",
        "errors": [{"message": "x", "context": {"requiredGranularScopes": ["crm.objects.contacts.write"]}}],
    }
)


def _invalid(name: str, code: str, message: str) -> str:
    """A body as HubSpot builds it: a JSON list inside the message, and nested errors."""
    inner = [{"isValid": False, "message": message, "error": code, "name": name, "portalId": 1}]
    return json.dumps(
        {
            "status": "error",
            "message": "Property values were not valid: " + json.dumps(inner),
            "category": "VALIDATION_ERROR",
            "errors": [{"message": message, "code": code, "context": {"propertyName": [name]}}],
        }
    )


@pytest.mark.parametrize(("body", "record_id"), [(CONTACT_EXISTS, "12345"), (CONTACT_EXISTS_V1, "678")])
def test_a_conflict_names_the_record_that_holds_the_value(body: str, record_id: str) -> None:
    """The id is only in the message, in both forms that were seen."""
    error = error_of(409, body.encode(), {})

    assert isinstance(error, CrmRejectedError)
    assert record_id == error.existing_id
    assert is_conflict(error.category, error.status)


def test_a_conflict_of_a_batch_names_the_record_in_its_context() -> None:
    """An entry of a 207 carries the id in `context.existingId`."""
    body = b'{"status":"error","category":"CONFLICT","message":"exists","context":{"existingId":["77"]}}'

    assert existing_id(parse_problem(body)) == "77"


@pytest.mark.parametrize(
    ("name", "code", "reason"),
    [
        ("x", "PROPERTY_DOESNT_EXIST", "property_missing"),
        ("email", "INVALID_EMAIL", "invalid_email"),
        ("hs_lead_status", "INVALID_OPTION", "invalid_option"),
        ("numemployees", "INVALID_INTEGER", "invalid_value"),
    ],
)
def test_a_validation_error_names_properties(name: str, code: str, reason: str) -> None:
    """Property and reason are read from the message, and from the nested errors if that is cut off."""
    whole = _invalid(name, code, "SECRET-VALUE is wrong")
    nested_only = whole.replace("Property values were not valid: ", "Something else: ")

    for body in (whole, nested_only):
        error = error_of(400, body.encode(), {})

        assert isinstance(error, CrmRejectedError)
        assert {name: reason} == error.properties
        assert reason == error.reason


@pytest.mark.parametrize("tail", ["[" * 5_000, "[" + "9" * 5_000 + "]"])
def test_a_message_that_cannot_be_read_names_nothing(tail: str) -> None:
    """Lists in lists, or a number of thousands of digits, inside the message of an error are no failure of ours."""
    body = {"status": "error", "category": "VALIDATION_ERROR", "message": "Property values were not valid: " + tail}

    error = error_of(400, json.dumps(body).encode(), {})

    assert isinstance(error, CrmRejectedError)
    assert error.properties == {}


def test_texts_of_errors_hold_no_values() -> None:
    """R17: whatever HubSpot says about a value does not reach our errors."""
    error = error_of(400, _invalid("email", "INVALID_EMAIL", "SECRET-VALUE is invalid").encode(), {})

    assert "SECRET" not in f"{error!r} {error} {vars(error)}"


@pytest.mark.parametrize(
    ("body", "reason", "seconds"),
    [(TEN_SECONDS, "rate_limited", 10.0), (DAILY, "daily_limit", None), (SECOND, "rate_limited", 1.0)],
)
def test_the_three_limits_are_distinguished(body: str, reason: str, seconds: float | None) -> None:
    """Ten seconds, a day (whose end only the budget knows), or one second."""
    error = error_of(429, body.encode(), {})

    assert isinstance(error, RateLimitedError)
    assert (reason, seconds) == (error.reason, error.retry_after)


def test_an_announced_wait_is_believed() -> None:
    """Retry-After counts where it is given, up to ten minutes."""
    assert error_of(429, TEN_SECONDS.encode(), {"Retry-After": "7"}).retry_after == 7.0
    assert error_of(429, TEN_SECONDS.encode(), {"Retry-After": "99999"}).retry_after == 600.0


def test_missing_scopes_are_named() -> None:
    """A 403 says which scopes are needed."""
    error = error_of(403, MISSING_SCOPES.encode(), {})

    assert isinstance(error, MissingScopesError)
    assert error.scopes == ("crm.objects.contacts.write",)


def test_an_expired_token_differs_from_a_wrong_one() -> None:
    """Their reasons tell a person to wait for the one, and to act on the other."""
    expired = error_of(401, b'{"status":"error","category":"EXPIRED_AUTHENTICATION"}', {})
    wrong = error_of(401, b'{"status":"error","category":"INVALID_AUTHENTICATION"}', {})

    assert isinstance(expired, AuthFailedError)
    assert (expired.reason, wrong.reason) == ("crm_auth_expired", "crm_auth_failed")


@pytest.mark.parametrize(("status", "seconds"), [(423, 2.0), (477, 60.0)])
def test_locked_and_migrating_did_nothing(status: int, seconds: float) -> None:
    """Both say that the request was not carried out, and when to come back."""
    error = error_of(status, b"", {})

    assert isinstance(error, CrmUnavailableError)
    assert seconds == error.retry_after


@pytest.mark.parametrize("status", [500, 502, 503, 504, 521, 523, 524])
def test_a_server_error_is_uncertain(status: int) -> None:
    """A gateway's error says nothing about what happened behind it."""
    assert isinstance(error_of(status, b"<html>", {}), CrmUncertainError)


FOREIGN = [
    *(
        "",
        "<html><h1>Blocked</h1></html>",
        "[]",
        "null",
        "7",
        '"error"',
        '{"message":7}',
        '{"context":3,"errors":null}',
    ),
    *(
        '{"error":"blocked"}',
        '{"status":400,"message":"Bad Request"}',
        '{"status":"error","message":"Blocked by policy"}',
    ),
    *('{"status":"BLOCKED","message":"no"}', '{"category":"VALIDATION_ERROR"}', "[" * 100_000),
]


@pytest.mark.parametrize("body", FOREIGN)
@pytest.mark.parametrize("status", [302, 307, 400, 401, 403, 404, 405, 407, 409, 413, 414, 451])
def test_what_is_not_of_hubspots_form_is_no_refusal(status: int, body: str) -> None:
    """A proxy, a firewall or a login page says nothing about the request: nobody knows what HubSpot did."""
    error = error_of(status, body.encode(), {})

    assert isinstance(error, CrmUncertainError)
    assert error.reason == "crm_unavailable"


@pytest.mark.parametrize(
    "body",
    [
        '{"status":"error","message":"resource not found","correlationId":"1"}',
        '{"status":"error","category":"VALIDATION_ERROR"}',
        '{"status":"BAD_REFRESH_TOKEN","message":"missing or invalid refresh token","correlationId":"1"}',
        '{"error":"invalid_grant","error_description":"refresh token is invalid, expired or revoked"}',
    ],
)
def test_the_forms_of_hubspots_errors_are_refusals(body: str) -> None:
    """All members of an error are optional, and the OAuth endpoints have a form of their own."""
    error = error_of(400, body.encode(), {})

    assert isinstance(error, CrmRejectedError)
    assert (error.reason, error.properties, error.existing_id) == ("crm_refused", {}, "")
