"""Requests and answers between the edge and the endpoints."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from hubspot_simulator.core.apps import App
from hubspot_simulator.core.authors import Author, app_author
from hubspot_simulator.core.errors import unauthenticated, validation
from hubspot_simulator.core.simulator import Portal, Simulator
from hubspot_simulator.core.tokens import Token


@dataclass(frozen=True, slots=True)
class Call:
    """One API call: its caller and its content."""

    request: Request
    simulator: Simulator
    body: Mapping[str, Any] = field(default_factory=dict)
    token: Token | None = None
    app: App | None = None

    @property
    def portal(self) -> Portal:
        """The account of the caller's token."""
        if self.token is None:
            raise unauthenticated()
        return self.simulator.portal(self.token.portal_id)

    @property
    def author(self) -> Author:
        """The caller as the author of a write."""
        if self.token is None:
            raise unauthenticated()
        app = self.simulator.apps.get(self.token.app_id)
        return app_author(self.token.app_id, self.token.value, app.label if app else None)

    @property
    def called_app(self) -> App:
        """The app whose webhooks the call manages."""
        if self.app is None:
            raise unauthenticated()
        return self.app

    def path(self, name: str) -> str:
        """A path parameter, decoded."""
        return str(self.request.path_params[name])

    def names(self, name: str) -> list[str]:
        """A list parameter: comma-separated (docs) or repeated (the official client), or both."""
        given = self.request.query_params.getlist(name)
        return [part.strip() for value in given for part in value.split(",") if part.strip()]

    def flag(self, name: str) -> bool:
        """A boolean parameter: `true`, or `True` as the official client sends it."""
        return self.request.query_params.get(name, "").lower() == "true"

    def text(self, name: str) -> str | None:
        """A parameter, None if it is missing or empty."""
        return self.request.query_params.get(name) or None

    def number(self, name: str, default: int) -> int:
        """A numeric parameter."""
        given = self.request.query_params.get(name)
        if not given:
            return default
        if not given.isdecimal():
            raise validation(f"{name} must be a number, not '{given}'")
        return int(given)


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer of an endpoint."""

    status: int = 200
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)


Endpoint = Callable[[Call], Reply]


def json_response(
    status: int, body: object, headers: Mapping[str, str] | None = None, replace: Mapping[str, str] | None = None
) -> Response:
    """A compact JSON answer with these texts replaced; None is an empty body."""
    content = "" if body is None else json.dumps(body, separators=(",", ":"), ensure_ascii=False)
    for old, new in (replace or {}).items():
        content = content.replace(old, new)
    media_type = None if body is None else "application/json;charset=utf-8"
    return Response(content.encode(), status, dict(headers or {}), media_type)
