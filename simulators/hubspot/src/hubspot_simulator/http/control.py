"""The control API under /_control, for tests and for people at a terminal."""

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hubspot_simulator.core.errors import ApiError
from hubspot_simulator.core.outbox import Delivery
from hubspot_simulator.core.simulator import Simulator
from hubspot_simulator.http.control_apps import AppControl
from hubspot_simulator.http.control_contacts import ContactControl
from hubspot_simulator.http.controls import Answer, ControlRoute, body_of
from hubspot_simulator.http.replies import json_response
from hubspot_simulator.sender import Sender

_SHOWN = 200


class SystemControl:
    """Settings, faults, logs, deliveries, clock and reset."""

    def __init__(self, simulator: Simulator, sender: Sender) -> None:
        self._simulator = simulator
        self._sender = sender

    def routes(self) -> list[ControlRoute]:
        """All its endpoints."""
        return [
            ("GET", "", self.overview),
            ("GET", "/settings", self.settings),
            ("PATCH", "/settings", self.change_settings),
            ("GET", "/faults", self.faults),
            ("POST", "/faults", self.add_fault),
            ("DELETE", "/faults", self.clear_faults),
            ("GET", "/calls", self.calls),
            ("DELETE", "/calls", self.reset_calls),
            ("GET", "/deliveries", self.deliveries),
            ("DELETE", "/deliveries", self.forget_deliveries),
            ("POST", "/deliveries/send", self.send),
            ("POST", "/clock", self.clock),
            ("POST", "/reset", self.reset),
        ]

    async def overview(self, _request: Request) -> Answer:
        """List the accounts and what they contain."""
        simulator = self._simulator
        return 200, {
            "now_ms": simulator.clock.now_ms(),
            "portals": [{"portal_id": one.id, "contacts": len(one.contacts)} for one in simulator.portals.values()],
            "apps": sorted(simulator.apps),
            "outstanding": simulator.outbox.outstanding(),
        }

    async def settings(self, _request: Request) -> Answer:
        """Every setting."""
        return 200, self._simulator.behaviour.to_json()

    async def change_settings(self, request: Request) -> Answer:
        """Change some settings."""
        self._simulator.set_behaviour(self._simulator.behaviour.changed(await body_of(request)))
        return 200, self._simulator.behaviour.to_json()

    async def faults(self, _request: Request) -> Answer:
        """The faults that are still to happen."""
        return 200, {"faults": [fault.to_json() for fault in self._simulator.faults.all()]}

    async def add_fault(self, request: Request) -> Answer:
        """Plan a fault."""
        return 201, self._simulator.faults.add(await body_of(request)).to_json()

    async def clear_faults(self, _request: Request) -> Answer:
        """Remove all faults."""
        self._simulator.faults.clear()
        return 204, None

    async def calls(self, _request: Request) -> Answer:
        """API calls and writes since the last reset."""
        return 200, {**self._simulator.calls.to_json(), "writes": self._simulator.writes.to_json()}

    async def reset_calls(self, _request: Request) -> Answer:
        """Reset the counts."""
        self._simulator.reset_logs()
        return 204, None

    async def deliveries(self, request: Request) -> Answer:
        """List sent and outstanding deliveries; the newest `limit` ones."""
        outbox = self._simulator.outbox
        limit = int(request.query_params.get("limit", _SHOWN))
        shown = outbox.deliveries()[-limit:] if limit else []
        counts = {"outstanding": outbox.outstanding(), **outbox.counts}
        return 200, counts | {"deliveries": [_shown(one) for one in shown]}

    async def forget_deliveries(self, _request: Request) -> Answer:
        """Forget the ended ones."""
        self._simulator.outbox.forget()
        return 204, None

    async def send(self, request: Request) -> Answer:
        """POST a given array of events, signed, and wait for the answer."""
        body, simulator = await body_of(request), self._simulator
        app = simulator.app(body.get("app_id"))
        events, url = body.get("events"), body.get("url") or app.target_url
        if not isinstance(events, list) or not url:
            raise ApiError(400, "VALIDATION_ERROR", "events must be an array, and the app needs a target URL")
        outbox = simulator.outbox
        delivery = outbox.enclose(app, events, simulator.clock.now_ms(), int(body.get("max_retries", 0)), url)
        outbox.start(delivery)
        await self._sender.attempt(delivery)
        return 200, _shown(delivery)

    async def clock(self, request: Request) -> Answer:
        """Move the simulated time forward."""
        body = await body_of(request)
        self._simulator.clock.advance(float(body.get("advance_seconds", 0)))
        self._simulator.background()
        self._sender.notify()
        return 200, {"now_ms": self._simulator.clock.now_ms()}

    async def reset(self, request: Request) -> Answer:
        """Reset all state; `keep_apps` keeps apps, tokens, target URLs and subscriptions."""
        body = await body_of(request)
        self._simulator.started(keep_apps=bool(body.get("keep_apps", False)))
        return 204, None


def control_routes(simulator: Simulator, sender: Sender) -> list[Route]:
    """Every control endpoint."""
    contacts, apps = ContactControl(simulator), AppControl(simulator)
    routes = [*SystemControl(simulator, sender).routes(), *contacts.routes(), *apps.routes()]
    controls = [(method, f"/_control{path}", handler) for method, path, handler in routes]
    return [
        Route(path, _endpoint(simulator, handler), methods=[method])
        for method, path, handler in (*controls, *contacts.pages())
    ]


def _endpoint(
    simulator: Simulator, handler: Callable[[Request], Awaitable[Answer]]
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            status, body = await handler(request)
        except ApiError as error:
            status, body = error.status, error.body("control")
        except (TypeError, ValueError, KeyError) as error:
            status, body = 400, {"status": "error", "message": f"{type(error).__name__}: {error}"}
        finally:
            simulator.on_call()
        return json_response(status, body)

    return endpoint


def _shown(delivery: Delivery) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "app_id": delivery.app.id,
        "url": delivery.url,
        "state": delivery.state,
        "due_ms": delivery.due_ms,
        "events": delivery.events,
        "attempts": [
            {
                "number": attempt.number,
                "at_ms": attempt.at_ms,
                "duration_ms": attempt.duration_ms,
                "status": attempt.status,
                "error": attempt.error,
            }
            for attempt in delivery.attempts
        ],
    }
