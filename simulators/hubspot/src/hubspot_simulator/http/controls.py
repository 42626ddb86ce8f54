"""What the parts of the control API share."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.requests import Request

from hubspot_simulator.core.errors import validation

Answer = tuple[int, object]
ControlRoute = tuple[str, str, Callable[[Request], Awaitable[Answer]]]


async def body_of(request: Request) -> dict[str, Any]:
    """The JSON object that was sent; nothing is an empty object."""
    raw = await request.body()
    try:
        body = msgspec.json.decode(raw) if raw else {}
    except ValueError as error:
        raise validation("The body is not JSON") from error
    if not isinstance(body, dict):
        raise validation("The body must be a JSON object")
    return body


def portal_id_of(request: Request) -> int | None:
    """The account that is meant: `?portal_id=`, else the one of the settings."""
    given = request.query_params.get("portal_id")
    return int(given) if given else None
