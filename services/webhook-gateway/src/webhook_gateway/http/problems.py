"""Errors over HTTP: every exception becomes `application/problem+json` (RFC 9457) with a stable `reason`."""

from http import HTTPStatus

import msgspec
import structlog
from starlette.responses import Response
from starlette.types import Scope

from webhook_gateway.logs import ThinnedLines
from webhook_gateway.problem import Fault, Problem
from webhook_gateway.rpc.errors import ServiceProblem


class ProblemBody(msgspec.Struct, omit_defaults=True):
    """What went wrong (RFC 9457). `reason` is stable, `detail` is for people, `errors` names fields at fault."""

    type: str
    title: str
    status: int
    detail: str
    reason: str
    errors: tuple[Fault, ...] = ()


def problem_of(error: Exception, scope: Scope, route: str, lines: ThinnedLines) -> Problem:
    """Find the problem that an error is, and log what is not the caller's fault. Nothing internal is shown."""
    about = {"method": scope["method"], "route": route}
    if not isinstance(error, Problem):
        if (times := lines.due("request failed", *about.values(), type(error))) is not None:
            structlog.get_logger().error("request failed", times=times, **about, exc_info=error)
        return Problem(500, "internal", "something went wrong inside")
    if isinstance(error, ServiceProblem) and error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        lines.warning("service failed", **about, code=error.code.name, reason=error.reason)
    return error


def response_of(problem: Problem) -> Response:
    """Write a problem as a response; `errors` only where fields are at fault."""
    body = ProblemBody(
        type=f"urn:leadsync:problem:{problem.reason}",
        title=HTTPStatus(problem.status).phrase,
        status=problem.status,
        detail=problem.detail,
        reason=problem.reason,
        errors=problem.errors,
    )
    return Response(msgspec.json.encode(body), problem.status, problem.headers, "application/problem+json")
