"""The control API's accounts, apps and tokens, and the settings page of a private app."""

from collections.abc import Iterable
from typing import Any

from starlette.requests import Request

from hubspot_simulator.core.apps import ALL_SCOPES, App
from hubspot_simulator.core.simulator import Simulator
from hubspot_simulator.core.tokens import Token
from hubspot_simulator.http.controls import Answer, ControlRoute, body_of


class AppControl:
    """More accounts, more apps, more tokens; and webhooks set without the webhooks API."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    def routes(self) -> list[ControlRoute]:
        """All its endpoints."""
        return [
            ("POST", "/portals", self.add_portal),
            ("GET", "/apps", self.apps),
            ("POST", "/apps", self.add_app),
            ("PUT", "/apps/{app_id:int}/webhooks", self.set_webhooks),
            ("POST", "/tokens", self.add_token),
            ("DELETE", "/tokens/{token}", self.revoke_token),
            ("POST", "/oauth/codes", self.add_code),
            ("POST", "/oauth/refresh_tokens", self.add_refresh_token),
        ]

    async def add_portal(self, request: Request) -> Answer:
        """Open an account, and install an app in it if `app_id` is given."""
        body = await body_of(request)
        portal = self._simulator.add_portal(int(body["portal_id"]))
        if body.get("app_id") is not None:
            self._simulator.install(self._simulator.app(int(body["app_id"])), portal.id)
        return 201, {"portal_id": portal.id}

    async def apps(self, _request: Request) -> Answer:
        """Every app with its webhook settings."""
        return 200, {"apps": [_shown(app) for app in self._simulator.apps.values()]}

    async def add_app(self, request: Request) -> Answer:
        """Register an app and install it in the `portals`."""
        body, default = await body_of(request), self._simulator.settings
        app_id = int(body["app_id"])
        app = self._simulator.add_app(
            app_id,
            str(body.get("client_id", f"client-{app_id}")),
            str(body.get("client_secret", f"secret-{app_id}")),
            str(body.get("developer_key", default.developer_key)),
            _texts(body.get("scopes", ALL_SCOPES)),
        )
        for portal_id in body.get("portals", [default.portal_id]):
            self._simulator.install(app, int(portal_id))
        return 201, _shown(app)

    async def set_webhooks(self, request: Request) -> Answer:
        """Set target URL, concurrency and all subscriptions, as the app's settings page does.

        Subscriptions are active unless they say otherwise; those given replace those that were there.
        """
        body, app = await body_of(request), self._simulator.app(request.path_params["app_id"])
        if body.get("target_url"):
            throttling = {"maxConcurrentRequests": body.get("max_concurrent_requests", app.max_concurrent)}
            app.configure({"targetUrl": body["target_url"], "throttling": throttling}, self._simulator.clock)
        if "subscriptions" in body:
            app.subscriptions.clear()
            for wanted in body["subscriptions"]:
                app.subscriptions.create({"active": True} | wanted)
        return 200, _shown(app)

    async def add_token(self, request: Request) -> Answer:
        """Issue a private app token; `expires_in` seconds make it an OAuth access token."""
        body = await body_of(request)
        app = self._simulator.app(body.get("app_id"))
        portal = self._simulator.portal(body.get("portal_id"))
        self._simulator.install(app, portal.id)
        ends = body.get("expires_in")
        ends_ms = None if ends is None else self._simulator.clock.now_ms() + int(ends) * 1000
        value = str(body.get("token") or f"pat-na1-{portal.id}-{app.id}")
        token = Token(value, app.id, portal.id, _texts(body.get("scopes", app.scopes)), ends_ms)
        self._simulator.tokens.add(token)
        return 201, {
            "token": token.value,
            "app_id": app.id,
            "portal_id": portal.id,
            "scopes": list(token.scopes),
        }

    async def revoke_token(self, request: Request) -> Answer:
        """Revoke an access or refresh token."""
        self._simulator.tokens.revoke(str(request.path_params["token"]))
        return 204, None

    async def add_code(self, request: Request) -> Answer:
        """An authorization code, as if a person had just installed the app."""
        app, portal_id = await self._installed(request)
        return 201, {"code": self._simulator.tokens.issue_code(app, portal_id, app.scopes)}

    async def add_refresh_token(self, request: Request) -> Answer:
        """A refresh token, as if the app had been installed long ago."""
        app, portal_id = await self._installed(request)
        return 201, {"refresh_token": self._simulator.tokens.issue_refresh(app, portal_id)}

    async def _installed(self, request: Request) -> tuple[App, int]:
        body = await body_of(request)
        app, portal = self._simulator.app(body.get("app_id")), self._simulator.portal(body.get("portal_id"))
        self._simulator.install(app, portal.id)
        return app, portal.id


def _texts(given: Iterable[object]) -> tuple[str, ...]:
    return tuple(str(one) for one in given)


def _shown(app: App) -> dict[str, Any]:
    return {
        "app_id": app.id,
        "client_id": app.client_id,
        "portals": sorted(app.portals),
        "scopes": list(app.scopes),
        "target_url": app.target_url,
        "max_concurrent_requests": app.max_concurrent,
        "subscriptions": [one.to_json() for one in app.subscriptions],
    }
