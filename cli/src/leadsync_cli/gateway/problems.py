"""What the gateway says when it refuses: application/problem+json, told to people and turned into an exit code."""

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
    502: Exit.UNREACHABLE,
    503: Exit.UNREACHABLE,
    504: Exit.UNREACHABLE,
}
_HINTS = {
    Exit.REFUSED: "Give a token with --token or LEADSYNC_TOKEN; `leadsync token` makes one from the local key.",
    Exit.UNREACHABLE: "This may pass: try again shortly.",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """A refusal: status, stable reason, what it means, and the fields that are wrong."""

    status: int
    reason: str
    detail: str
    fields: tuple[str, ...] = ()


def problem_of(answer: httpx.Response) -> Problem:
    """Read a refusal, also from something in between that does not speak problem+json."""
    try:
        body: Any = answer.json()
    except ValueError:
        body = {}
    if not isinstance(body, dict):
        body = {}
    reason = str(body.get("reason") or f"http_{answer.status_code}")
    detail = str(body.get("detail") or body.get("title") or answer.reason_phrase)
    return Problem(answer.status_code, reason, detail, _fields(body))


def raise_for_problem(answer: httpx.Response) -> None:
    """Raise CommandError unless the answer is a success."""
    if answer.is_success:
        return
    problem = problem_of(answer)
    exit_code = _EXITS.get(problem.status, Exit.FAILED)
    lines = [problem.detail, *problem.fields]
    if hint := _HINTS.get(exit_code):
        lines.append(hint)
    raise CommandError(problem.reason, "\n".join(lines), exit_code)


def _fields(body: dict[str, Any]) -> tuple[str, ...]:
    """Return one line per field that the server does not accept."""
    errors = body.get("errors")
    if not isinstance(errors, list):
        return ()
    return tuple(f"{error.get('field')}: {error.get('message')}" for error in errors if isinstance(error, dict))
