"""Refusals of the gateway: application/problem+json, turned into a text for people and an exit code."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from leadsync_cli.errors import CommandError, Exit

_EXITS = {
    400: Exit.USAGE,
    401: Exit.REFUSED,
    403: Exit.REFUSED,
    404: Exit.NOT_FOUND,
    409: Exit.CONFLICT,
    412: Exit.CONFLICT,
    413: Exit.USAGE,
    422: Exit.USAGE,
    428: Exit.CONFLICT,
    429: Exit.UNREACHABLE,
    501: Exit.USAGE,
    502: Exit.UNREACHABLE,
    503: Exit.UNREACHABLE,
    504: Exit.UNREACHABLE,
}
# Refusals because of the present state that are no 409.
_CONFLICTS = {
    "changed_since",
    "not_a_dry_run",
    "nothing_to_undo",
    "run_in_progress",
    "survivor_deleted",
    "undo_too_late",
}
_NOT_OF_TYPE = (
    *("not_a_number", "number_too_long", "not_a_boolean", "not_a_date", "not_a_datetime"),
    *("not_an_option", "too_many_choices"),
)
_RENEW = "`leadsync integration update --new-secret access-token` replaces it."
# What to do about a reason; for other reasons, what the exit code suggests.
_HINTS_BY_REASON = {
    "account_connected": "`leadsync integration list` shows what is connected.",
    "changed_since": "`leadsync why LEAD` shows the later changes; set the value by hand: `leadsync leads update`.",
    "conflict_not_found": "`leadsync conflicts list` shows which fields wait.",
    "crm_auth_expired": _RENEW,
    "crm_auth_failed": _RENEW,
    "decision_not_found": "`leadsync why LEAD` shows the decisions on a lead.",
    "integration_not_found": "`leadsync integration list` shows what is connected.",
    "lead_field_not_found": "`leadsync fields list` shows the fields.",
    "lead_not_found": "`leadsync leads list` shows the leads.",
    "missing_scopes": "Grant the app the scopes named above; `leadsync doctor` checks it again.",
    "not_a_dry_run": "`leadsync import --dry-run` and `leadsync sync --dry-run` make plans.",
    "nothing_to_undo": "`leadsync why LEAD` shows which decisions changed the lead.",
    "route_not_found": "The gateway does not know this command: is it older than the command line?",
    "run_in_progress": "`leadsync runs list` shows it; wait for its end, or cancel it.",
    "run_not_found": "`leadsync runs list` shows the runs.",
    "stale_etag": "It was changed meanwhile: look at it again, then repeat the command.",
    "undo_too_late": "Set the value by hand: `leadsync leads update`.",
} | dict.fromkeys(_NOT_OF_TYPE, "`leadsync fields list` shows the types of fields and their options.")
_HINTS = {
    Exit.FAILED: "The services' logs say more; those of a local suite are in `logs` of its data directory.",
    Exit.USAGE: "Correct this; --help shows what the command takes.",
    Exit.UNREACHABLE: "This may be temporary: try again shortly.",
    Exit.REFUSED: "Give a token with --token or LEADSYNC_TOKEN; `leadsync token` makes one from the local key.",
    Exit.NOT_FOUND: "Check the id, and that the token is of the right tenant.",
    Exit.CONFLICT: "Look at the present state, then decide again.",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """A refusal: status, stable reason, text for people, and the wrong fields."""

    status: int
    reason: str
    detail: str
    fields: tuple[str, ...] = ()


def problem_of(answer: httpx.Response) -> Problem:
    """Read a refusal, also one from a proxy that does not use problem+json."""
    try:
        body: Any = answer.json()
    except ValueError:
        body = {}
    if not isinstance(body, dict):
        body = {}
    reason = str(body.get("reason") or f"http_{answer.status_code}")
    detail = str(body.get("detail") or body.get("title") or answer.reason_phrase)
    return Problem(answer.status_code, reason, detail, _fields(body))


def raise_for_problem(answer: httpx.Response, hints: Mapping[str, str] | None = None) -> None:
    """Raise CommandError unless the answer is a success. `hints` has further hints by reason."""
    if answer.is_success:
        return
    problem = problem_of(answer)
    exit_code = Exit.CONFLICT if problem.reason in _CONFLICTS else _EXITS.get(problem.status, Exit.FAILED)
    hint = (_HINTS_BY_REASON | dict(hints or {})).get(problem.reason) or _HINTS.get(exit_code, "")
    repeated = problem.detail == "; ".join(problem.fields)  # the detail says no more than the fields do
    lines = problem.fields if repeated else (problem.detail, *problem.fields)
    raise CommandError(problem.reason, "\n".join(lines), exit_code, hint)


def _fields(body: dict[str, Any]) -> tuple[str, ...]:
    """Return one line per field that the server does not accept."""
    errors = body.get("errors")
    if not isinstance(errors, list):
        return ()
    return tuple(f"{error.get('field')}: {error.get('message')}" for error in errors if isinstance(error, dict))
