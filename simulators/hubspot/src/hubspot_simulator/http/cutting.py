"""Cutting a connection without an answer, as a network does."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_KEY = "simulator.abort"


class CuttableProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol, with a way for the application to abort the connection."""

    def on_message_begin(self) -> None:
        """Put the abort function into the ASGI scope."""
        super().on_message_begin()
        extensions: dict[str, Any] = {_KEY: {"abort": self.transport.abort}}
        self.scope["extensions"] = extensions


class ConnectionCutError(Exception):
    """Replaces a cut connection if there is no real one (in-process tests)."""


async def cut(request: Request) -> Response:
    """Abort the connection; the returned answer is never sent."""
    extension = request.scope.get("extensions", {}).get(_KEY)
    if extension is None:
        raise ConnectionCutError("the connection was cut by a planned fault")
    extension["abort"]()
    while (await request.receive())["type"] != "http.disconnect":
        continue
    return Response(status_code=204)
