"""Helpers that all parts of the control API use."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.requests import Request

from hubspot_simulator.core.errors import validation

Answer = tuple[int, object]
ControlRoute = tuple[str, str, Callable[[Request], Awaitable[Answer]]]


async def body_of(request: Request) -> dict[str, Any]:
    """Return the JSON object that was sent; an empty body is an empty object."""
    raw = await request.body()
    try:
        body = msgspec.json.decode(raw) if raw else {}
    except ValueError as error:
        raise validation("The body is not JSON") from error
    if not isinstance(body, dict):
        raise validation("The body must be a JSON object")
    return body


def portal_id_of(request: Request) -> int | None:
    """Return the account: that of the path or of `?portal_id=`, else that of the settings."""
    given = request.path_params.get("portal_id") or request.query_params.get("portal_id")
    return int(given) if given else None
