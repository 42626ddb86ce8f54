"""From HubSpot's error bodies to our errors (HubSpot: "Error handling", "Usage guidelines").

Messages of HubSpot can hold values of a record, so none of their text is kept: only categories, codes and names.
"""

import json
import re
from collections.abc import Mapping

import msgspec

from crm_connector.domain.errors import (
    AuthFailedError,
    CrmError,
    CrmRejectedError,
    CrmUnavailableError,
    CrmUncertainError,
    MissingScopesError,
    RateLimitedError,
)
from crm_connector.providers.hubspot.wire import UNDECODABLE, Problem

_EXISTING_ID = re.compile(r"Existing ID: (\d+)")
_INVALID_PREFIX = "Property values were not valid: "
_WORD = re.compile(r"[A-Za-z0-9_.]{1,100}")

# HubSpot's code of a refused value → our reason; any other code is `invalid_value`.
_VALUE_REASONS = {
    "PROPERTY_DOESNT_EXIST": "property_missing",
    "INVALID_EMAIL": "invalid_email",
    "INVALID_OPTION": "invalid_option",
    "READ_ONLY_VALUE": "read_only",
}
# A locked record asks for two seconds at least; a data centre migration says how long in Retry-After.
_LOCKED, _MIGRATING = 423, 477
# Whoever answers so, nothing was done, and the same call may succeed later.
_WAITING = {429, _LOCKED, _MIGRATING}


def parse_problem(body: bytes) -> Problem:
    """Read an error body; anything that is not one reads as an empty problem."""
    try:
        return msgspec.json.decode(body, type=Problem, strict=False)
    except UNDECODABLE:
        return Problem()


def error_of(status: int, body: bytes, headers: Mapping[str, str]) -> CrmError:
    """Turn an answer of 400 or more (or a redirect, which we do not follow) into an error of ours.

    A refusal is HubSpot's only if it has the form of its errors. Anything else comes from something in between, and
    says nothing about what became of the request. A RateLimitedError for the daily limit has no `retry_after`: only the
    budget knows when the portal's day ends.
    """
    problem = parse_problem(body)
    category = _word(problem.category or problem.error_type or problem.error or "")
    if not problem.is_hubspots and not (status in _WAITING or status >= 500):
        return CrmUncertainError("crm_unavailable", f"Something between us and HubSpot answered {status}.")
    if status == 401:
        expired = category == "EXPIRED_AUTHENTICATION"
        return AuthFailedError("crm_auth_expired" if expired else "crm_auth_failed", "HubSpot refuses the token.")
    if status == 403:
        return MissingScopesError(scopes=required_scopes(problem))
    if status == 429:
        return _rate_limited(problem, headers)
    if status == _LOCKED:
        return CrmUnavailableError("crm_locked", "HubSpot has locked the record for a moment.", retry_after=2.0)
    if status == _MIGRATING:
        wait = min(_seconds(headers.get("Retry-After", "")) or 60.0, 86_400.0)
        return CrmUnavailableError("crm_migrating", "HubSpot is moving this account.", retry_after=wait)
    if status >= 500:
        return CrmUncertainError("crm_error", f"HubSpot answered {status}.")
    return rejection(status, problem)


def error_of_entry(problem: Problem) -> CrmError | None:
    """Turn an entry of a 207 into an error of ours. None = it does not say what became of the write."""
    match _word(problem.category or ""):
        case "" | "INTERNAL_ERROR":
            return None
        case "RATE_LIMITS":
            return _rate_limited(problem, {})
        case "MISSING_SCOPES":
            return MissingScopesError(scopes=required_scopes(problem))
        case _:
            return rejection(207, problem)


def rejection(status: int, problem: Problem) -> CrmRejectedError:
    """Turn a 4xx body, or an entry of a 207 that refuses its write, into a rejection with what it names."""
    properties = refused_properties(problem)
    reason = next(iter(properties.values()), "crm_refused")
    return CrmRejectedError(
        status, _word(problem.category or ""), properties=properties, existing_id=existing_id(problem), reason=reason
    )


def refused_properties(problem: Problem) -> dict[str, str]:
    """Properties that a validation error names, with our reason for each."""
    named: dict[str, str] = {}
    for name, code in [*_from_message(problem.message or ""), *_from_entries(problem)]:
        if _WORD.fullmatch(name):
            named.setdefault(name, _VALUE_REASONS.get(code, "invalid_value"))
    return named


def existing_id(problem: Problem) -> str:
    """Id of the record that holds the same unique value: from the context or, on a single write, from the message."""
    for part in problem.parts():
        if ids := part.named("existingId"):
            return ids[0]
        if match := _EXISTING_ID.search(part.message or ""):
            return str(match[1])
    return ""


def is_conflict(category: str, status: int) -> bool:
    """Whether a rejection says that another record holds a unique value."""
    return status == 409 or category in {"CONFLICT", "OBJECT_ALREADY_EXISTS"}


def required_scopes(problem: Problem) -> tuple[str, ...]:
    """Scopes that a 403 asks for."""
    scopes = {
        scope
        for part in problem.parts()
        for key in ("requiredGranularScopes", "requiredScopes")
        for scope in part.named(key)
    }
    return tuple(sorted(scopes))


def _rate_limited(problem: Problem, headers: Mapping[str, str]) -> RateLimitedError:
    """Say which of the three limits was reached: that of ten seconds, of a day, or of one second (search)."""
    policy, text = (problem.policy_name or "").upper(), (problem.message or "").lower()
    if policy == "DAILY" or "daily limit" in text:
        return RateLimitedError("daily_limit", "HubSpot's daily limit is used up.")
    if announced := _seconds(headers.get("Retry-After", "")):
        return RateLimitedError("rate_limited", "HubSpot's limit is reached.", retry_after=min(announced, 600.0))
    second = policy == "SECONDLY" or "secondly limit" in text.replace("ten_secondly", "")
    return RateLimitedError("rate_limited", "HubSpot's limit is reached.", retry_after=1.0 if second else 10.0)


def _from_message(message: str) -> list[tuple[str, str]]:
    """(property, code) from the JSON list that HubSpot puts into the message."""
    _, found, tail = message.partition(_INVALID_PREFIX)
    if not found:
        return []
    try:
        entries, _ = json.JSONDecoder().raw_decode(tail)
    except (ValueError, RecursionError):
        return []
    if not isinstance(entries, list):
        return []
    return [(str(e.get("name", "")), str(e.get("error", ""))) for e in entries if isinstance(e, dict)]


def _from_entries(problem: Problem) -> list[tuple[str, str]]:
    """(property, code) from the nested errors and from the context."""
    return [
        (name, part.code or part.error or "")
        for part in problem.parts()
        for name in [*part.named("propertyName"), *([part.in_] if part.in_ else [])]
    ]


def _word(text: str) -> str:
    """Keep a category only if it is a single word: free text never leaves this file."""
    return text if _WORD.fullmatch(text) else ""


def _seconds(text: str) -> float:
    """Seconds of a Retry-After header; 0 if it has none."""
    return float(text) if text.isdecimal() else 0.0
