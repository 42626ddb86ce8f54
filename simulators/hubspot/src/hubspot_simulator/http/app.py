"""The ASGI application: HubSpot's API, the control API, and the sender."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from uuid import uuid4

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from hubspot_simulator.core.errors import ApiError, resource_not_found
from hubspot_simulator.core.simulator import Simulator
from hubspot_simulator.http.control import control_routes
from hubspot_simulator.http.replies import json_response
from hubspot_simulator.http.routes import api_routes
from hubspot_simulator.sender import Sender
from hubspot_simulator.state_file import StateFile


def build_app(simulator: Simulator, keeper: StateFile | None = None) -> Starlette:
    """The application of one simulator; the sender, and the state file if there is one, run with it."""
    sender = Sender(simulator)

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        simulator.on_work = sender.notify
        tasks = [asyncio.create_task(sender.run())]
        if keeper is not None:
            simulator.on_call = keeper.notify
            tasks.append(asyncio.create_task(keeper.run()))
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    app = Starlette(
        routes=[*control_routes(simulator, sender), *api_routes(simulator)],
        exception_handlers={HTTPException: _unknown},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    return app


async def _unknown(_request: Request, error: Exception) -> Response:
    """404 or 405 in HubSpot's error shape."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    refusal = resource_not_found() if status == 404 else ApiError(status, None, str(error))
    return json_response(status, refusal.body(str(uuid4())))
